//! What the configuration says of listeners: who may reach them, and web pages of which origins.

use std::net::SocketAddr;

use http::HeaderValue;

use crate::{
    config::{Auth, Config, Rest, TlsMode},
    domain::error::{Violation, Violations},
};

/// An origin whose web pages may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsOrigin {
    /// Whatever it is.
    Any,
    /// This one.
    Only(HeaderValue),
}

/// Strangers must not reach a listener that asks for no credentials, and not read what a plain-text one is told.
pub(super) fn exposure(config: &Config) -> Vec<Violation> {
    let is_loopback = |address: SocketAddr| address.ip().to_canonical().is_loopback();
    let mut violations = Vec::new();
    if config.grpc.auth == Auth::None && !config.callers.is_empty() {
        violations.push(Violation::new(
            "grpc.auth",
            "is \"none\", by which nobody is asked who they are, and callers are listed; set grpc.auth = \"callers\", or \
             leave the entries of [[callers]] out",
        ));
    }
    let unsafe_grpc = [
        match config.grpc.auth {
            Auth::None => Some("set grpc.auth = \"callers\", since \"none\" asks nobody who they are"),
            Auth::Callers => None,
        },
        match config.grpc.tls.mode() {
            TlsMode::Off => Some(
                "set grpc.tls.certificate and grpc.tls.key, since what is called would be read on its way (or \
                 grpc.tls.mode = \"terminated_elsewhere\" where only a proxy that ends TLS can connect)",
            ),
            TlsMode::On | TlsMode::TerminatedElsewhere => None,
        },
    ];
    let unsafe_grpc: Vec<&str> = unsafe_grpc.into_iter().flatten().collect();
    if !is_loopback(config.grpc.listen) && !unsafe_grpc.is_empty() {
        violations.push(Violation::new(
            "grpc.listen",
            format!(
                "{} can be reached by others: {}; or listen on a loopback address, such as 127.0.0.1:50051",
                config.grpc.listen,
                unsafe_grpc.join(", and ")
            ),
        ));
    }
    if !is_loopback(config.rest.listen) && config.rest.tls.mode() == TlsMode::Off {
        violations.push(Violation::new(
            "rest.listen",
            format!(
                "{} can be reached by others, and devices would send their access tokens in plain text: set \
                 rest.tls.certificate and rest.tls.key, or rest.tls.mode = \"terminated_elsewhere\" where only a \
                 proxy that ends TLS can connect, or listen on a loopback address, such as 127.0.0.1:8080",
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
            let text = format!(
                "{text:?} is no origin; write a scheme and a host, such as https://example.com, or *"
            );
            Violation::new("rest.cors_origins", text)
        };
        violations.take(cors_origin(text).ok_or_else(wrong))
    });
    let origins = origins.collect();
    violations.none_or(origins)
}

/// An origin as browsers send it: scheme, host and port, and no path (RFC 6454, section 7).
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
    fn an_origin_has_no_path_and_is_in_lower_case() {
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
