//! Checking a configuration, and taking a new one while the server runs.

use std::sync::Arc;

use serde::Serialize;

use super::{rest, services::Services, upstreams::Upstreams};
use crate::{
    config::{Config, ConfigError, Rest, Store, ValidConfig},
    rest::Passthrough,
    service::{
        audit::{AuditLog, End, Event},
        operator::Operator,
        policy::{Policy, SharedPolicy},
    },
};

/// Swaps the part of the configuration that can change while the server runs: environments and requestors,
/// schedules, applications, key pairs, and the keys that statements are signed with.
#[derive(Debug, Clone)]
pub struct Reload {
    started_with: Config,
    policy: SharedPolicy,
    upstreams: Arc<Upstreams>,
    passthrough: Passthrough,
    audit: AuditLog,
}

impl Reload {
    pub(super) fn new(started_with: Config, services: &Services, passthrough: Passthrough) -> Self {
        let (policy, upstreams) = (Arc::clone(&services.policy), Arc::clone(&services.upstreams));
        Self { started_with, policy, upstreams, passthrough, audit: services.audit.clone() }
    }

    /// Takes that part of `config` for the calls that begin from now on. Whether it differs in anything else, which only
    /// a restart takes.
    ///
    /// # Errors
    /// Where anything in it is wrong; then nothing changes.
    pub fn apply(&self, config: Config) -> Result<bool, ConfigError> {
        ValidConfig::read(without_key_ring(&config))?;
        let rest = Rest {
            legacy_keys: config.rest.legacy_keys.clone(),
            statement_jwks: config.rest.statement_jwks.clone(),
            ..self.started_with.rest.clone()
        };
        let reloaded = Config {
            environments: config.environments.clone(),
            applications: config.applications.clone(),
            temp_pass_schedules: config.temp_pass_schedules.clone(),
            rest,
            ..self.started_with.clone()
        };
        let valid = ValidConfig::read(without_key_ring(&reloaded))?;
        rest::prepare(&self.passthrough, &valid)?;
        let policy = self.upstreams.complete(Policy::new(&valid), &valid.upstreams)?;
        self.policy.store(Arc::new(policy));
        Ok(reloaded != config)
    }

    /// Leaves an entry in the audit log about a reload, or about one that was refused.
    pub async fn record(&self, outcome: &Result<bool, ConfigError>) {
        #[derive(Serialize)]
        struct Subject {
            /// Whether other keys have changed too, which only a restart takes.
            waits_for_restart: bool,
        }
        let Operator { name: caller, origin } = &Operator::by_signal();
        let subject = Subject { waits_for_restart: outcome.as_ref().is_ok_and(|differs| *differs) };
        let end = match outcome {
            Ok(_) => End::Done,
            Err(error) => End::Refused(error.to_string()),
        };
        let name = "configuration_reloaded";
        self.audit.record(&Event { name, caller, origin, subject, end }).await;
    }
}

/// Checks a configuration as [`App::build`](super::App::build) does, without taking anything.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check(config: Config) -> Result<(), ConfigError> {
    rest::prepare(&Passthrough::default(), &ValidConfig::read(config)?)
}

/// The key ring is read at the start alone, and need not be there any more.
fn without_key_ring(config: &Config) -> Config {
    let store = Store { key_ring: None, ..config.store.clone() };
    Config { store, ..config.clone() }
}
