//! What the configuration says of REST clients: applications, key pairs, and whose statements are taken.

use std::{collections::BTreeMap, path::Path};

use crate::{
    auth::StatementKeys,
    config::{ApplicationConfig, Config, Files, LegacyKey, Secret},
    domain::{
        caller::{Permission, Scope},
        error::{Violation, Violations},
        id::{EnvironmentName, RequestorId},
        registration_code::{SOURCE_APPLICATION_MAX, SourceApplication},
    },
};

/// What REST clients may be.
#[derive(Debug, Clone, Default)]
pub struct ClientPolicy {
    /// Applications by what statements name them by.
    pub applications: BTreeMap<String, ApplicationPolicy>,
    /// Key pairs of clients that sign each request, by public key.
    pub legacy_keys: BTreeMap<String, LegacyKeyPolicy>,
    /// Whose software statements are taken beside our own.
    pub statement_keys: StatementKeys,
}

/// An application that signs statements elsewhere.
#[derive(Debug, Clone)]
pub struct ApplicationPolicy {
    /// What records show.
    pub source: SourceApplication,
    /// The requestors it may act for.
    pub requestors: Scope<RequestorId>,
    /// The environments it may act in.
    pub environments: Scope<EnvironmentName>,
    /// What it may do; `None` is what every device may.
    pub permissions: Option<Vec<Permission>>,
}

/// A key pair of a client that signs each request.
#[derive(Debug, Clone)]
pub struct LegacyKeyPolicy {
    /// What requests are signed with.
    pub secret_key: Secret,
    /// The requestors that it may be used for.
    pub requestors: Scope<RequestorId>,
}

impl ClientPolicy {
    pub(super) fn new(config: &Config, files: &Files) -> Result<Self, Vec<Violation>> {
        let mut violations = Violations::default();
        let mut policy = Self::default();
        for (index, application) in config.applications.iter().enumerate() {
            let path = format!("applications[{index}]");
            if let Some(new) = violations.take_all(ApplicationPolicy::new(&path, application))
                && policy.applications.insert(application.id.clone(), new).is_some()
            {
                violations.add(&format!("{path}.id"), format!("{:?} is there twice", application.id));
            }
        }
        for (index, key) in config.rest.legacy_keys.iter().enumerate() {
            let path = format!("rest.legacy_keys[{index}]");
            if let Some(new) = violations.take_all(LegacyKeyPolicy::new(&path, key, files))
                && policy.legacy_keys.insert(key.public_key.clone(), new).is_some()
            {
                violations.add(&format!("{path}.public_key"), "is there twice");
            }
        }
        if let Some(file) = &config.rest.statement_jwks {
            let keys = filled(files, file)
                .and_then(StatementKeys::parse)
                .map_err(|text| Violation::new("rest.statement_jwks", format!("{} {text}", file.display())));
            policy.statement_keys = violations.take(keys).unwrap_or_default();
        }
        violations.none_or(policy)
    }
}

impl ApplicationPolicy {
    fn new(path: &str, config: &ApplicationConfig) -> Result<Self, Vec<Violation>> {
        let mut violations = Violations::default();
        let ApplicationConfig { id, name, version, requestors, environments, permissions } = config;
        if id.is_empty() {
            violations.add(&format!("{path}.id"), "is required: what statements say in software_id");
        }
        for (key, text) in [("id", id), ("name", name), ("version", version)] {
            violations.check_text(&format!("{path}.{key}"), text, SOURCE_APPLICATION_MAX);
        }
        let requestors = scope(requestors, |text| {
            violations.take(RequestorId::parse(&format!("{path}.requestors"), text))
        });
        let environments = scope(environments, |text| {
            violations.take(EnvironmentName::parse(&format!("{path}.environments"), text))
        });
        let permissions: Vec<_> = permissions
            .iter()
            .filter_map(|text| violations.take(Permission::parse(&format!("{path}.permissions"), text)))
            .collect();
        let policy = Self {
            source: SourceApplication { id: id.clone(), name: name.clone(), version: version.clone() },
            requestors,
            environments,
            permissions: Some(permissions).filter(|permissions| !permissions.is_empty()),
        };
        violations.none_or(policy)
    }
}

impl LegacyKeyPolicy {
    fn new(path: &str, config: &LegacyKey, files: &Files) -> Result<Self, Vec<Violation>> {
        let mut violations = Violations::default();
        let LegacyKey { public_key, secret_key, secret_key_file, requestors } = config;
        if public_key.is_empty() {
            violations.add(&format!("{path}.public_key"), "is required: what requests name the key pair by");
        }
        let field = format!("{path}.secret_key");
        let secret_key = match (secret_key.reveal(), secret_key_file) {
            ("", None) => Err(Violation::new(field, "is required, or secret_key_file")),
            (secret, None) => Ok(Secret::from(secret)),
            ("", Some(file)) => filled(files, file).map(|text| Secret::from(text.trim())).map_err(|text| {
                Violation::new(format!("{path}.secret_key_file"), format!("{} {text}", file.display()))
            }),
            (_, Some(_)) => Err(Violation::new(field, "is given beside secret_key_file; keep one of them")),
        };
        let secret_key = violations.take(secret_key).unwrap_or_default();
        if requestors.is_empty() {
            violations.add(&format!("{path}.requestors"), "is required: the requestors that the pair is for");
        }
        let requestors = scope(requestors, |text| {
            violations.take(RequestorId::parse(&format!("{path}.requestors"), text))
        });
        violations.none_or(Self { secret_key, requestors })
    }
}

/// The names of a list; an empty list means all of them.
fn scope<T: Ord>(names: &[String], parse: impl FnMut(&String) -> Option<T>) -> Scope<T> {
    if names.is_empty() { Scope::Any } else { Scope::Only(names.iter().filter_map(parse).collect()) }
}

/// The content of a file that must have some.
fn filled<'a>(files: &'a Files, path: &Path) -> Result<&'a str, String> {
    let text = files.content(path)?;
    if text.trim().is_empty() { Err("is empty".to_owned()) } else { Ok(text) }
}
