//! What the configuration says of an environment's upstream.

use crate::{
    config::{Backend, Environment, Registration},
    domain::{error::Violation, registration::UpstreamApi},
};

/// The version of the upstream's API; `None` for our own store.
pub(super) const fn api(backend: Backend) -> Option<UpstreamApi> {
    match backend {
        Backend::Local => None,
        Backend::V1 => Some(UpstreamApi::V1),
        Backend::V2 => Some(UpstreamApi::V2),
    }
}

/// Whether REST clients register with the upstream.
pub(super) fn relays(config: &Environment) -> bool {
    match config.registration {
        Some(registration) => registration == Registration::Relay,
        None => config.backend != Backend::Local,
    }
}

/// Notes what is missing or wrong about the upstream of the environment that is configured under `path`.
pub(super) fn check(path: &str, config: &Environment, violations: &mut Vec<Violation>) {
    let mut note = |key: &str, text: &str| {
        violations.push(Violation::new(format!("{path}.{key}"), text));
    };
    let wants_upstream = config.backend != Backend::Local
        || config
            .requestors
            .values()
            .any(|requestor| !matches!(requestor.backend, None | Some(Backend::Local)));
    if wants_upstream && config.url.is_none() {
        note("url", "is required: a backend of v1 or v2 is the provider's REST API; give its origin");
    }
    if relays(config) && config.url.is_none() && !wants_upstream {
        note("registration", "is relay, but there is no url to relay to");
    }
    if config.url.is_some() && config.software_statement_file.is_none() {
        note(
            "software_statement_file",
            "is required where url is given: passbridge registers itself with the provider",
        );
    }
    for (key, origin) in [("url", &config.url), ("reset_url", &config.reset_url)] {
        if origin.as_deref().is_some_and(|text| !is_origin(text)) {
            note(key, "is no origin; write scheme and host, such as https://api.example.com, without a path");
        }
    }
    if config.reset_url.is_some() && config.url.is_none() {
        note("reset_url", "is given without url");
    }
}

/// Whether a text is scheme, host and port, and nothing else.
pub fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<http::Uri>() else { return false };
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let has_user = uri.authority().is_none_or(|authority| authority.as_str().contains('@'));
    is_http && !has_user && uri.path() == "/" && uri.query().is_none() && !text.ends_with('/')
}
