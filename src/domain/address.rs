//! IP addresses of clients and devices.

use std::{
    fmt,
    net::{AddrParseError, IpAddr},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

/// The IP address of a client, a device, a viewer or a proxy, in canonical form. All comparisons, counters, records and
/// upstream calls use this form: an IPv4-mapped IPv6 address (`::ffff:203.0.113.7`) becomes the IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "IpAddr", into = "IpAddr")]
pub struct Address(IpAddr);

impl Address {
    /// Returns the address. It is never an IPv4-mapped IPv6 address.
    #[must_use]
    pub fn ip(self) -> IpAddr {
        self.0
    }
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }
}

impl From<Address> for IpAddr {
    fn from(address: Address) -> Self {
        address.0
    }
}

impl FromStr for Address {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<IpAddr>().map(Self::from)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_address_has_one_canonical_form() {
        let address = |text: &str| text.parse::<Address>().expect("an address");
        assert_eq!(address("::ffff:203.0.113.7"), address("203.0.113.7"));
        assert_eq!(address("::ffff:cb00:7107").to_string(), "203.0.113.7");
        assert_eq!(address("2001:DB8:0:0::7").to_string(), "2001:db8::7");
        let kept: Address = serde_json::from_str("\"::ffff:203.0.113.7\"").expect("an address");
        assert_eq!(kept, address("203.0.113.7"));
        for other in ["", "203.0.113", "203.0.113.7:80", "fe80::1%eth0", " 203.0.113.7"] {
            assert!(other.parse::<Address>().is_err(), "{other}");
        }
    }
}
