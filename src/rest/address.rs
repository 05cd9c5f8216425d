//! The two addresses of a call: the client's, which cannot be forged, and the device's, as documented.

use std::net::SocketAddr;

use http::HeaderMap;

use crate::{config::TrustedProxies, domain::address::Address};

/// The addresses of the client and of the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Addresses {
    /// The key of rate limits and budgets: the last hop that is not a trusted proxy.
    pub client: Address,
    /// The recorded address: the last one in `X-Forwarded-For` that is not a trusted proxy, or the peer's.
    pub device: Address,
    /// The device's port, if the device is the peer.
    pub device_port: Option<u16>,
}

impl Addresses {
    pub(super) fn new(peer: SocketAddr, headers: &HeaderMap, proxies: &TrustedProxies) -> Self {
        let peer_address = Address::from(peer.ip());
        let hops = || hops(headers).rev();
        let device = hops().flatten().find(|address| !proxies.contains(*address));
        let device_port = if device.is_none() { Some(peer.port()) } else { None };
        Self {
            client: client(peer_address, hops(), proxies),
            device: device.unwrap_or(peer_address),
            device_port,
        }
    }
}

/// Follows the hops from the peer outward as long as each is reported by a trusted proxy. Stops at a hop that is not an
/// address, since no hop before it can be verified.
fn client(peer: Address, hops: impl Iterator<Item = Option<Address>>, proxies: &TrustedProxies) -> Address {
    let mut client = peer;
    for hop in hops {
        match hop {
            Some(address) if proxies.contains(client) => client = address,
            _ => break,
        }
    }
    client
}

/// Parses `X-Forwarded-For`, with the hop nearest to this server last. A hop that is not an address is `None`.
fn hops(headers: &HeaderMap) -> impl DoubleEndedIterator<Item = Option<Address>> {
    let lines = headers.get_all("x-forwarded-for").iter();
    let hops = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    // Each hop on its own: a client's part of a line must not make a proxy's addition unreadable.
    hops.map(|hop| address(std::str::from_utf8(hop).ok()?.trim()))
}

/// Parses an address as proxies write it: alone, with a port, or in brackets.
fn address(text: &str) -> Option<Address> {
    let alone = text.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip().into());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    alone.or_else(with_port).or_else(bracketed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(peer: &str, forwarded: &[&str], proxies: &[&str]) -> (String, String, Option<u16>) {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().expect("a value"));
        }
        let proxies = proxies.iter().map(|network| network.parse().expect("a network")).collect();
        let peer = SocketAddr::new(peer.parse().expect("an address"), 9934);
        let Addresses { client, device, device_port } =
            Addresses::new(peer, &headers, &TrustedProxies::new(proxies));
        (client.to_string(), device.to_string(), device_port)
    }

    fn expect(client: &str, device: &str, port: Option<u16>) -> (String, String, Option<u16>) {
        (client.to_owned(), device.to_owned(), port)
    }

    #[test]
    fn without_a_header_the_peer_is_client_and_device() {
        assert_eq!(addresses("192.0.2.1", &[], &[]), expect("192.0.2.1", "192.0.2.1", Some(9934)));
        assert_eq!(addresses("::ffff:192.0.2.1", &[], &[]), expect("192.0.2.1", "192.0.2.1", Some(9934)));
    }

    #[test]
    fn a_server_that_calls_for_a_device_is_the_client() {
        let found = addresses("192.0.2.1", &["203.0.113.7"], &[]);
        assert_eq!(found, expect("192.0.2.1", "203.0.113.7", None));
        let found = addresses("192.0.2.1", &["198.51.100.1, 203.0.113.7"], &[]);
        assert_eq!(found, expect("192.0.2.1", "203.0.113.7", None));
    }

    #[test]
    fn the_client_is_the_hop_before_the_trusted_proxies() {
        let proxies = ["10.0.0.0/8"];
        let found = addresses("10.0.0.1", &["1.2.3.4, 203.0.113.7, 10.0.0.2"], &proxies);
        assert_eq!(found, expect("203.0.113.7", "203.0.113.7", None));
        let found = addresses("10.0.0.1", &["1.2.3.4", "203.0.113.7"], &proxies);
        assert_eq!(found, expect("203.0.113.7", "203.0.113.7", None));
        let only_proxies = addresses("10.0.0.1", &["10.0.0.3, 10.0.0.2"], &proxies);
        assert_eq!(only_proxies, expect("10.0.0.3", "10.0.0.1", Some(9934)));
    }

    #[test]
    fn a_hop_that_is_not_an_address_is_not_used() {
        let found = addresses("10.0.0.1", &["203.0.113.7, unknown"], &["10.0.0.0/8"]);
        assert_eq!(found, expect("10.0.0.1", "203.0.113.7", None));
        let found = addresses("192.0.2.1", &["[2001:db8::7]:443, , ?"], &[]);
        assert_eq!(found, expect("192.0.2.1", "2001:db8::7", None));
        let mut headers = HeaderMap::new();
        let line = http::HeaderValue::from_bytes(b"\xff, 203.0.113.50").expect("a value");
        headers.insert("x-forwarded-for", line);
        let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().expect("a network")]);
        let found = Addresses::new("10.0.0.1:9".parse().expect("an address"), &headers, &proxies);
        assert_eq!(found.client.to_string(), "203.0.113.50");

        let found = addresses("192.0.2.1", &["203.0.113.7:1234"], &[]);
        assert_eq!(found, expect("192.0.2.1", "203.0.113.7", None));
    }
}
