//! Blocks of addresses that count as one client, so that a client with many addresses gets no higher limit.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use super::address::Address;

/// An IPv4 address, or a block of IPv6 addresses with a common prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressBlock(IpAddr);

impl AddressBlock {
    /// Returns the smallest block that an access line has: an IPv4 address, or an IPv6 /64.
    #[must_use]
    pub(crate) fn of_line(address: Address) -> Self {
        Self::of(address, 64)
    }

    /// Returns the block of `address`: the first `prefix` bits (0 to 128) of an IPv6 address, or the whole IPv4 address.
    #[must_use]
    pub(crate) fn of(address: Address, prefix: u32) -> Self {
        match address.ip() {
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128_u32.saturating_sub(prefix)).unwrap_or_default();
                Self(IpAddr::V6(Ipv6Addr::from(u128::from(address) & mask)))
            }
            address => Self(address),
        }
    }
}

/// Shows the first address of the block.
impl fmt::Display for AddressBlock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str, prefix: u32) -> AddressBlock {
        AddressBlock::of(text.parse().expect("an address"), prefix)
    }

    #[test]
    fn ipv6_addresses_with_a_common_prefix_share_a_block_and_ipv4_addresses_do_not() {
        assert_eq!(block("2001:db8::1", 64), block("2001:db8::ffff:1", 64));
        assert_ne!(block("2001:db8::1", 64), block("2001:db8:0:1::1", 64));
        assert_eq!(block("2001:db8::1", 56), block("2001:db8:0:ff::1", 56));
        assert_ne!(block("2001:db8::1", 56), block("2001:db8:0:100::1", 56));
        assert_eq!(block("2001:db8::1", 48), block("2001:db8:0:ffff::1", 48));
        assert_ne!(block("2001:db8::1", 48), block("2001:db8:1::1", 48));
        assert_eq!(block("::1", 0), block("ffff::", 0));
        assert_ne!(block("::1", 128), block("::2", 128));
        assert_ne!(block("192.0.2.1", 48), block("192.0.2.2", 48));
        assert_eq!(block("::ffff:192.0.2.1", 48), block("192.0.2.1", 64));
    }
}
