//! The policy for REST clients, checked: applications, key pairs, and the keys of software statements.

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

/// The policy for REST clients.
#[derive(Debug, Clone, Default)]
pub struct ClientPolicy {
    /// The applications, by the `software_id` of their statements.
    pub applications: BTreeMap<String, ApplicationPolicy>,
    /// The key pairs of clients that sign each request, by public key.
    pub legacy_keys: BTreeMap<String, LegacyKeyPolicy>,
    /// The keys that software statements may be signed with, in addition to our own.
    pub statement_keys: StatementKeys,
}

/// An application whose software statements are signed outside passbridge.
#[derive(Debug, Clone)]
pub struct ApplicationPolicy {
    /// The source application in records.
    pub source: SourceApplication,
    /// The requestors that it may act for.
    pub requestors: Scope<RequestorId>,
    /// The environments that it may act in.
    pub environments: Scope<EnvironmentName>,
    /// Its permissions; `None` means those of every device.
    pub permissions: Option<Vec<Permission>>,
}

/// A key pair of a client that signs each request.
#[derive(Debug, Clone)]
pub struct LegacyKeyPolicy {
    /// The key that requests are signed with.
    pub secret_key: Secret,
    /// The requestors that the pair may be used for.
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
                violations.add(
                    &format!("{path}.id"),
                    format!("must be unique, but {:?} occurs twice", application.id),
                );
            }
        }
        for (index, key) in config.rest.legacy_keys.iter().enumerate() {
            let path = format!("rest.legacy_keys[{index}]");
            if let Some(new) = violations.take_all(LegacyKeyPolicy::new(&path, key, files))
                && policy.legacy_keys.insert(key.public_key.clone(), new).is_some()
            {
                violations.add(&format!("{path}.public_key"), "must be unique, but occurs twice");
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
            violations
                .add(&format!("{path}.id"), "is required: the software_id of the application's statements");
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
            violations.add(&format!("{path}.public_key"), "is required: requests name the key pair by it");
        }
        let field = format!("{path}.secret_key");
        let secret_key = match (secret_key.reveal(), secret_key_file) {
            ("", None) => Err(Violation::new(
                field,
                "is required: the key that requests are signed with, here or in secret_key_file",
            )),
            (secret, None) => Ok(Secret::from(secret)),
            ("", Some(file)) => filled(files, file).map(|text| Secret::from(text.trim())).map_err(|text| {
                Violation::new(format!("{path}.secret_key_file"), format!("{} {text}", file.display()))
            }),
            (_, Some(_)) => Err(Violation::new(
                field,
                "must not be set together with secret_key_file; remove one of them",
            )),
        };
        let secret_key = violations.take(secret_key).unwrap_or_default();
        if requestors.is_empty() {
            violations.add(
                &format!("{path}.requestors"),
                "is required: the requestors that the pair may be used for",
            );
        }
        let requestors = scope(requestors, |text| {
            violations.take(RequestorId::parse(&format!("{path}.requestors"), text))
        });
        violations.none_or(Self { secret_key, requestors })
    }
}

/// Parses a list of names; an empty list means all.
fn scope<T: Ord>(names: &[String], parse: impl FnMut(&String) -> Option<T>) -> Scope<T> {
    if names.is_empty() { Scope::Any } else { Scope::Only(names.iter().filter_map(parse).collect()) }
}

/// The content of a file, which must not be empty.
fn filled<'a>(files: &'a Files, path: &Path) -> Result<&'a str, String> {
    let text = files.content(path)?;
    if text.trim().is_empty() { Err("is empty".to_owned()) } else { Ok(text) }
}
