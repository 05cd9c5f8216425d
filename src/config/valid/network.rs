//! Hosts and proxy networks, checked.

use std::collections::BTreeMap;

use ipnet::{IpNet, Ipv4Net};

use crate::domain::{address::Address, error::Violations, id::EnvironmentName};

/// The environment of a REST call, by its host.
#[derive(Debug, Clone, Default)]
pub(super) struct Hosts(BTreeMap<String, EnvironmentName>);

impl Hosts {
    /// Adds the hosts that the environment lists under `path`.
    pub(super) fn add(
        &mut self,
        path: &str,
        environment: &EnvironmentName,
        hosts: &[String],
        violations: &mut Violations,
    ) {
        for host in hosts {
            let field = format!("{path}.hosts");
            if host.parse::<http::uri::Authority>().is_err() || host.contains('@') {
                let text =
                    format!("must be a host name or address, such as api.example.com, but is {host:?}");
                violations.add(&field, text);
            } else if let Some(other) = self.0.insert(host.to_ascii_lowercase(), environment.clone()) {
                violations.add(&field, format!("must be unique, but {other} lists {host:?} too"));
            }
        }
    }

    /// The environment that lists `authority`, with or without its port.
    pub(super) fn environment(&self, authority: &str) -> Option<&EnvironmentName> {
        if self.0.is_empty() {
            return None;
        }
        let authority = authority.to_ascii_lowercase();
        let host = authority.parse::<http::uri::Authority>().ok();
        let found = self.0.get(&authority);
        // A fully qualified name may end with a dot.
        found.or_else(|| host.and_then(|authority| self.0.get(authority.host().trim_end_matches('.'))))
    }
}

/// The prefix length of the IPv6 network of all IPv4-mapped addresses.
const MAPPED_PREFIX: u8 = 96;

/// The proxies whose `X-Forwarded-For` is trusted.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// The proxies in these networks.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks.into_iter().map(canonical).collect())
    }

    /// Whether the address belongs to a trusted proxy.
    #[must_use]
    pub fn contains(&self, address: Address) -> bool {
        self.0.iter().any(|network| network.contains(&address.ip()))
    }
}

/// The network in the form that [`Address`] has: an IPv4-mapped network as IPv4.
fn canonical(network: IpNet) -> IpNet {
    let mapped = match network {
        IpNet::V6(v6) => v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(MAPPED_PREFIX)),
        IpNet::V4(_) => None,
    };
    mapped.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok()).map_or(network, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_match_in_any_case_with_or_without_a_port() {
        let environment = |name: &str| EnvironmentName::parse("", name).expect("valid");
        let (mut hosts, mut violations) = (Hosts::default(), Violations::default());
        hosts.add(
            "environments.staging",
            &environment("staging"),
            &["API.example.com".to_owned()],
            &mut violations,
        );
        hosts.add(
            "environments.test",
            &environment("test"),
            &["api.example.com:8443".to_owned()],
            &mut violations,
        );
        assert!(violations.is_empty(), "{violations:?}");
        assert_eq!(hosts.environment("api.EXAMPLE.com:8080"), Some(&environment("staging")));
        assert_eq!(hosts.environment("api.example.com:8443"), Some(&environment("test")));
        assert_eq!(hosts.environment("www.example.com"), None);

        hosts.add(
            "environments.test",
            &environment("test"),
            &["api.example.com".to_owned()],
            &mut violations,
        );
        hosts.add(
            "environments.test",
            &environment("test"),
            &["a b".to_owned(), "x@y".to_owned()],
            &mut violations,
        );
        assert_eq!(violations.count(), 3, "{violations:?}");
    }

    #[test]
    fn an_ipv4_mapped_address_is_the_ipv4_address() {
        let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().expect("a network")]);
        assert!(proxies.contains("::ffff:10.1.2.3".parse().expect("an address")));
        assert!(!proxies.contains("::ffff:11.1.2.3".parse().expect("an address")));
        let mapped = TrustedProxies::new(vec!["::ffff:10.0.0.0/104".parse().expect("a network")]);
        assert!(mapped.contains("10.1.2.3".parse().expect("an address")));
        assert!(!mapped.contains("11.1.2.3".parse().expect("an address")));
    }
}
