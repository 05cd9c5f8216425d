//! HTTP clients for outbound calls.

use std::net::IpAddr;

use reqwest::{Client, ClientBuilder, Url, redirect};

/// The default User-Agent.
const USER_AGENT: &str = concat!("passbridge/", env!("CARGO_PKG_VERSION"));

/// A client for calls to these origins. Calls without a User-Agent get ours. It does not follow redirects, so
/// that tokens and secrets stay with the origin. It uses the proxy from the environment variables unless all
/// origins are on loopback, which a proxy cannot reach.
pub(crate) fn client_for(origins: &[&Url]) -> ClientBuilder {
    let client = Client::builder().user_agent(USER_AGENT).redirect(redirect::Policy::none());
    if origins.iter().all(|origin| is_loopback(origin)) { client.no_proxy() } else { client }
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(is_loopback_host)
}

/// Whether the host of a URL is on loopback.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_a_name_and_addresses() {
        for (url, expected) in [
            ("http://localhost:8080", true),
            ("http://127.0.0.1", true),
            ("http://127.1.2.3:1", true),
            ("https://[::1]:8443/x", true),
            ("http://192.0.2.1", false),
            ("http://localhost.example.com", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).expect("a URL")), expected, "{url}");
        }
    }
}
