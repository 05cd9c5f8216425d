//! The REST face, put together.

use std::sync::Arc;

use http::HeaderValue;

use super::App;
use crate::{
    config::Config,
    domain::error::Violation,
    rest::{self, CorsOrigin, Passthrough},
    service::{
        policy::{TrustedProxies, is_origin},
        signed_request::SignedRequestService,
        throttle::Throttle,
    },
};

/// The face of `app`.
pub(super) fn service(app: &App) -> rest::Service {
    let config = &app.config.rest;
    let services = &app.services;
    let (clock, policy) = (&services.clock, &services.policy);
    let ledger = Arc::clone(&services.store.ledger);
    let limit = config.address_limit;
    rest::service(rest::Parts {
        registration: services.registration.clone(),
        temp_pass: services.temp_pass.clone(),
        client_registration: services.client_registration.clone(),
        signed_request: SignedRequestService::new(ledger, Arc::clone(policy), Arc::clone(clock)),
        throttle: Throttle::new(Arc::clone(clock), limit.per_second, limit.burst),
        policy: Arc::clone(policy),
        telemetry: app.telemetry.clone(),
        trusted_proxies: TrustedProxies::new(config.trusted_proxies.clone()),
        device_id: config.device_id,
        device_info: config.device_info,
        default_format: config.default_format,
        cors_origins: config.cors_origins.iter().filter_map(|text| cors_origin(text)).collect(),
        passthrough: config.passthrough.as_deref().and_then(|origin| Passthrough::new(origin).ok()),
        max_body_size: config.max_body_size,
        answer_timeout: config.answer_timeout.0,
    })
}

/// What in `rest.cors_origins` is no origin.
pub(super) fn cors_violations(config: &Config) -> Vec<Violation> {
    let wrong = config.rest.cors_origins.iter().filter(|text| cors_origin(text).is_none());
    wrong
        .map(|text| {
            Violation::new(
                "rest.cors_origins",
                format!(
                    "{text:?} is no origin; write a scheme and a host, such as https://example.com, or *"
                ),
            )
        })
        .collect()
}

/// What in `rest.passthrough` is no origin.
pub(super) fn passthrough_violations(config: &Config) -> Option<Violation> {
    let origin = config.rest.passthrough.as_deref()?;
    let wrong = if is_origin(origin) {
        Passthrough::new(origin).err()?
    } else {
        "is no origin; write scheme and host, such as https://api.example.com, without a path".to_owned()
    };
    Some(Violation::new("rest.passthrough", wrong))
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
