//! The parts of `[store]` and `[audit]` that are about Redis, checked.

use std::{ops::RangeInclusive, path::Path};

use reqwest::Url;

use super::Files;
use crate::{
    config::{AuditTarget, Config, EngineTlsConfig, StoreConfig, StoreKind},
    domain::error::{Violation, Violations},
};

const URL: &str = "store.url";
const PORT: u16 = 6_379;
const DATABASES: RangeInclusive<i64> = 0..=15;

/// The address of Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidEngine {
    /// The nodes, as host and port; at least one.
    pub nodes: Vec<(String, u16)>,
    /// The database number.
    pub database: i64,
    /// The TLS settings; `None` without TLS.
    pub tls: Option<ValidEngineTls>,
}

/// The TLS settings of connections to the engine, in PEM. `Debug` does not show them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ValidEngineTls {
    /// The CAs; if `None`, those of the system.
    pub ca: Option<String>,
    /// The client certificate and its key.
    pub client: Option<(String, String)>,
}

impl std::fmt::Debug for ValidEngineTls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ValidEngineTls(…)")
    }
}

/// The address of Redis, if the store is Redis.
///
/// # Errors
/// Every violation.
pub(super) fn engine(config: &Config, files: &Files) -> Result<Option<ValidEngine>, Vec<Violation>> {
    let mut violations = Violations::default();
    check_audit(config, &mut violations);
    let store = &config.store;
    if store.kind == StoreKind::Embedded {
        for (key, is_set) in [
            (URL, store.url.is_some()),
            ("store.tls", store.tls != EngineTlsConfig::default()),
            ("store.username", store.username.is_some()),
            ("store.password_file", store.password_file.is_some()),
            ("store.wait_replicas", store.wait_replicas.is_some()),
        ] {
            if is_set {
                violations.add(key, "requires store.kind = \"redis\"; set that, or remove this key");
            }
        }
        return violations.none_or(None);
    }
    check_values(store, &mut violations);
    if let Some(file) = &store.password_file {
        violations.take(content("store.password_file", file, files));
    }
    let url = violations.take(parse_url(store.url.as_deref().unwrap_or_default()));
    let tls = violations.take_all(tls(store, files));
    let engine = url.and_then(|EngineUrl { nodes, database, has_tls }| {
        let tls = tls?;
        if !has_tls && store.tls != EngineTlsConfig::default() {
            violations.add("store.tls", "requires rediss:// in store.url, but that starts with redis://");
        }
        Some(ValidEngine { nodes, database, tls: has_tls.then_some(tls) })
    });
    violations.none_or(engine)
}

fn check_audit(config: &Config, violations: &mut Violations) {
    if config.audit.to == Some(AuditTarget::Stream) && config.store.kind == StoreKind::Embedded {
        violations.add(
            "audit.to",
            "must not be \"stream\" with the embedded store: the stream is in Redis; set store.kind = \"redis\", or \
             choose another target",
        );
    }
}

fn check_values(store: &StoreConfig, violations: &mut Violations) {
    if store.key_ring.is_none() {
        let text = "is required with Redis, where others may read the secrets of passbridge: a file with a key \
                    (`passbridge keys new` creates one)";
        violations.add("store.key_ring", text);
    }
    if store.username.is_some() && store.password_file.is_none() {
        violations.add("store.username", "requires a password; set store.password_file");
    }
}

/// The parsed `store.url`.
#[derive(Debug, PartialEq, Eq)]
struct EngineUrl {
    nodes: Vec<(String, u16)>,
    database: i64,
    has_tls: bool,
}

/// Parses the URL. Errors do not repeat it, because it may contain a password.
fn parse_url(text: &str) -> Result<EngineUrl, Violation> {
    let wrong = |text: &str| Violation::new(URL, text);
    if text.is_empty() {
        return Err(wrong("is required with Redis: redis://host:port, or rediss://host:port for TLS"));
    }
    let (mut nodes, mut database, mut has_tls) = (Vec::new(), None, None);
    for part in text.split(',').map(str::trim) {
        let scheme = if has_tls == Some(true) { "rediss" } else { "redis" };
        // After the first node, a bare host and port takes the scheme of the first.
        let url = if part.contains("://") { part.to_owned() } else { format!("{scheme}://{part}") };
        let url = Url::parse(&url).map_err(|error| {
            Violation::new(
                URL,
                format!("must be of the form redis://host:port, but a node is invalid ({error})"),
            )
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "must not contain a user or password, which logs would show; use store.username and store.password_file",
            ));
        }
        let tls = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            _ => return Err(wrong("must begin with redis:// or rediss://")),
        };
        if *has_tls.get_or_insert(tls) != tls {
            return Err(wrong("must not mix nodes with TLS and without"));
        }
        let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
            return Err(wrong("must be of the form redis://host:port, but a node is without a host"));
        };
        match url.path().trim_start_matches('/') {
            "" => {}
            number => match number.parse() {
                Ok(number) if DATABASES.contains(&number) => database = Some(number),
                _ => return Err(wrong("must have no path, or a database number (0 to 15) as its path")),
            },
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("must be of the form redis://host:port, but a node has a query or fragment"));
        }
        nodes.push((host.trim_matches(['[', ']']).to_owned(), url.port().unwrap_or(PORT)));
    }
    Ok(EngineUrl { nodes, database: database.unwrap_or(0), has_tls: has_tls.unwrap_or(false) })
}

fn tls(store: &StoreConfig, files: &Files) -> Result<ValidEngineTls, Vec<Violation>> {
    let EngineTlsConfig { ca, certificate, key } = &store.tls;
    let mut violations = Violations::default();
    let mut read = |key: &str, file: &Option<std::path::PathBuf>| {
        file.as_ref().and_then(|file| violations.take(content(key, file, files)))
    };
    let ca = read("store.tls.ca", ca);
    let pair = (read("store.tls.certificate", certificate), read("store.tls.key", key));
    let client = match pair {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        _ => None,
    };
    match (certificate, key) {
        (Some(_), None) => {
            violations.add("store.tls.key", "is required with store.tls.certificate: its private key")
        }
        (None, Some(_)) => violations
            .add("store.tls.certificate", "is required with store.tls.key: the certificate of that key"),
        _ => {}
    }
    violations.none_or(ValidEngineTls { ca, client })
}

fn content(key: &str, file: &Path, files: &Files) -> Result<String, Violation> {
    let content = files.content(file).map(str::to_owned);
    content.map_err(|text| Violation::new(key, format!("{}: {text}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<EngineUrl, String> {
        parse_url(text).map_err(|violation| violation.description)
    }

    #[test]
    fn a_url_has_one_node_or_several() {
        let place = |names: &[(&str, u16)], database, has_tls| {
            let nodes = names.iter().map(|(host, port)| ((*host).to_owned(), *port)).collect();
            Ok(EngineUrl { nodes, database, has_tls })
        };
        assert_eq!(parsed("redis://localhost"), place(&[("localhost", 6379)], 0, false));
        assert_eq!(parsed("rediss://redis.example:6380/3"), place(&[("redis.example", 6380)], 3, true));
        let several = place(&[("a", 1), ("b", 2), ("2001:db8::1", 3)], 0, true);
        assert_eq!(parsed("rediss://a:1,b:2, rediss://[2001:db8::1]:3"), several);
    }

    #[test]
    fn url_errors_do_not_repeat_a_password() {
        for (text, expected) in [
            ("", "is required"),
            ("http://localhost", "must begin with"),
            ("redis://", "without a host"),
            ("redis://a,rediss://b", "must not mix"),
            ("redis://a/16", "0 to 15"),
            ("redis://a/x", "0 to 15"),
            ("redis://a?protocol=2", "a query or fragment"),
            ("redis://a:99999", "a node is invalid"),
            ("redis://user:geheim@a", "store.password_file"),
            ("redis://:geheim@a", "store.password_file"),
        ] {
            let reported = parsed(text).expect_err(text);
            assert!(reported.contains(expected) && !reported.contains("geheim"), "{text}: {reported}");
        }
    }
}
