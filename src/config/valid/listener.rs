//! The exposure of the listeners and the allowed CORS origins, checked.

use std::net::SocketAddr;

use http::HeaderValue;

use crate::{
    config::{Auth, Config, Rest, TlsMode},
    domain::error::{Violation, Violations},
};

/// An origin whose web pages may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsOrigin {
    /// Any origin.
    Any,
    /// This origin.
    Only(HeaderValue),
}

/// Checks that no listener without authentication, and none with plain text, is reachable from other
/// machines.
pub(super) fn exposure(config: &Config) -> Vec<Violation> {
    let is_loopback = |address: SocketAddr| address.ip().to_canonical().is_loopback();
    let mut violations = Vec::new();
    if config.grpc.auth == Auth::None && !config.callers.is_empty() {
        violations.push(Violation::new(
            "grpc.auth",
            "must be \"callers\" if [[callers]] has entries, but is \"none\", which disables authentication; change it, or \
             remove the entries",
        ));
    }
    let unsafe_grpc = [
        match config.grpc.auth {
            Auth::None => Some("set grpc.auth = \"callers\", because \"none\" disables authentication"),
            Auth::Callers => None,
        },
        match config.grpc.tls.mode() {
            TlsMode::Off => Some(
                "set grpc.tls.certificate and grpc.tls.key, because plain text can be read on the network (or set \
                 grpc.tls.mode = \"terminated_elsewhere\" if only a proxy that terminates TLS can connect)",
            ),
            TlsMode::On | TlsMode::TerminatedElsewhere => None,
        },
    ];
    let unsafe_grpc: Vec<&str> = unsafe_grpc.into_iter().flatten().collect();
    if !is_loopback(config.grpc.listen) && !unsafe_grpc.is_empty() {
        violations.push(Violation::new(
            "grpc.listen",
            format!(
                "must be a loopback address, such as 127.0.0.1:50051, but is {}; to listen on that address, {}",
                config.grpc.listen,
                unsafe_grpc.join(", and ")
            ),
        ));
    }
    if !is_loopback(config.rest.listen) && config.rest.tls.mode() == TlsMode::Off {
        violations.push(Violation::new(
            "rest.listen",
            format!(
                "must be a loopback address, such as 127.0.0.1:8080, but is {}; to listen on that address, set \
                 rest.tls.certificate and rest.tls.key, because plain text exposes access tokens (or set \
                 rest.tls.mode = \"terminated_elsewhere\" if only a proxy that terminates TLS can connect)",
                config.rest.listen
            ),
        ));
    }
    violations
}

/// `rest.cors_origins`.
pub(super) fn cors_origins(config: &Rest) -> Result<Vec<CorsOrigin>, Vec<Violation>> {
    let mut violations = Violations::default();
    let origins = config.cors_origins.iter().filter_map(|text| {
        let wrong = || {
            let text =
                format!("must be a scheme and host, such as https://example.com, or *, but is {text:?}");
            Violation::new("rest.cors_origins", text)
        };
        violations.take(cors_origin(text).ok_or_else(wrong))
    });
    let origins = origins.collect();
    violations.none_or(origins)
}

/// Parses an origin as browsers send it: scheme, host and port, without a path (RFC 6454, section 7).
fn cors_origin(text: &str) -> Option<CorsOrigin> {
    if text == "*" {
        return Some(CorsOrigin::Any);
    }
    let uri = text.parse::<http::Uri>().ok()?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
    let origin = format!("{}://{authority}", uri.scheme_str()?);
    let is_origin = origin == text && text.to_ascii_lowercase() == text;
    is_origin.then(|| HeaderValue::from_str(text).ok().map(CorsOrigin::Only))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_have_no_path_and_are_in_lower_case() {
        for text in ["https://example.com", "http://localhost:3000", "*"] {
            assert!(cors_origin(text).is_some(), "{text}");
        }
        for text in
            ["example.com", "https://example.com/", "https://Example.com", "https://u@example.com", ""]
        {
            assert_eq!(cors_origin(text), None, "{text}");
        }
    }
}
