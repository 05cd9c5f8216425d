//! The upstream of an environment, checked.

use std::{collections::BTreeMap, path::Path};

use reqwest::Url;

use crate::{
    backend::upstream::UpstreamOptions,
    config::{BackendKind, ClientRegistrationMode, EnvironmentConfig, Files},
    domain::{
        error::{Violation, Violations},
        id::EnvironmentName,
        registration_code::UpstreamApi,
        secret::SecretText,
    },
};

/// The upstream of an environment.
#[derive(Debug, Clone)]
pub struct ValidUpstream {
    /// Its address, and how to call it.
    pub options: UpstreamOptions,
    /// The software statement with which passbridge registers. Not empty.
    pub software_statement: SecretText,
}

/// The version of the upstream's API; `None` for the local backend.
pub(super) const fn api(backend: BackendKind) -> Option<UpstreamApi> {
    match backend {
        BackendKind::Local => None,
        BackendKind::V1 => Some(UpstreamApi::V1),
        BackendKind::V2 => Some(UpstreamApi::V2),
    }
}

/// Whether REST clients register with the upstream.
pub(super) fn relays(config: &EnvironmentConfig) -> bool {
    match config.registration {
        Some(registration) => registration == ClientRegistrationMode::Relay,
        None => config.backend != BackendKind::Local,
    }
}

/// Reports what is missing or invalid in the origins and the upstream of the environment under `path`.
pub(super) fn check(path: &str, config: &EnvironmentConfig, violations: &mut Violations) {
    let mut note = |key: &str, text: &str| violations.add(&format!("{path}.{key}"), text);
    let has_upstream = config.backend != BackendKind::Local
        || config
            .requestors
            .values()
            .any(|requestor| !matches!(requestor.backend, None | Some(BackendKind::Local)));
    if has_upstream && config.url.is_none() {
        note("url", "is required with a v1 or v2 backend: the origin of the provider's REST API");
    }
    if relays(config) && config.url.is_none() && !has_upstream {
        note("registration", "must not be relay without url, the upstream to relay to");
    }
    if config.url.is_some() && config.software_statement_file.is_none() {
        note(
            "software_statement_file",
            "is required with url: the software statement with which passbridge registers at the provider",
        );
    }
    let origins =
        [("url", &config.url), ("reset_url", &config.reset_url), ("passthrough", &config.passthrough)];
    for (key, text) in origins {
        if let Some(Err(wrong)) = text.as_deref().map(origin) {
            note(key, &wrong);
        }
    }
    if config.reset_url.is_some() && config.url.is_none() {
        note("reset_url", "requires url");
    }
}

/// The upstreams of the environments that have a URL and a statement. [`check`] reports if one of them is
/// missing.
pub(super) fn upstreams(
    config: &BTreeMap<String, EnvironmentConfig>,
    files: &Files,
) -> Result<BTreeMap<EnvironmentName, ValidUpstream>, Vec<Violation>> {
    let mut violations = Violations::default();
    let mut upstreams = BTreeMap::new();
    for (name, environment) in config {
        let path = format!("environments.{name}");
        // An invalid name is reported where environments are checked.
        let Ok(name) = EnvironmentName::parse(&path, name) else { continue };
        let (Some(url), Some(file)) = (&environment.url, &environment.software_statement_file) else {
            continue;
        };
        let upstream = ValidUpstream::new(&path, environment, url, file, files);
        upstreams.extend(violations.take_all(upstream).map(|upstream| (name, upstream)));
    }
    violations.none_or(upstreams)
}

impl ValidUpstream {
    fn new(
        path: &str,
        config: &EnvironmentConfig,
        url: &str,
        file: &Path,
        files: &Files,
    ) -> Result<Self, Vec<Violation>> {
        let mut violations = Violations::default();
        // `check` reports invalid origins.
        let url = origin(url).ok();
        let reset_url = config.reset_url.as_deref().map_or_else(|| url.clone(), |text| origin(text).ok());
        let statement = violations.take(statement(files, file).map_err(|text| {
            let field = format!("{path}.software_statement_file");
            Violation::new(field, format!("{} {text}", file.display()))
        }));
        let whole = || {
            let options = UpstreamOptions {
                url: url?,
                reset_url: reset_url?,
                redirect_uri: config.redirect_uri.clone(),
                token_parameters: config.token_parameters,
                timeout: config.upstream_timeout.0,
                connections: config.upstream_connections,
                client: config.upstream_client,
            };
            Some(Self { options, software_statement: statement? })
        };
        // Whatever is missing has already been reported.
        violations.none_or(whole())?.ok_or_else(Vec::new)
    }
}

fn statement(files: &Files, file: &Path) -> Result<SecretText, String> {
    let text = files.content(file)?.trim();
    if text.is_empty() {
        Err("contains no software statement".to_owned())
    } else {
        Ok(text.to_owned().into())
    }
}

/// Parses a URL of scheme, host and port, without anything else.
///
/// # Errors
/// If the text is anything else.
pub(super) fn origin(text: &str) -> Result<Url, String> {
    if !is_origin(text) {
        let problem = "must be a scheme and host, such as https://api.example.com, without a path";
        return Err(problem.to_owned());
    }
    Url::parse(text).map_err(|error| error.to_string())
}

fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<http::Uri>() else { return false };
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let has_user = uri.authority().is_none_or(|authority| authority.as_str().contains('@'));
    is_http && !has_user && uri.path() == "/" && uri.query().is_none() && !text.ends_with('/')
}
