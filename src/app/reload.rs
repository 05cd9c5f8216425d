//! Checks a configuration, and applies a new one while the server runs.

use std::sync::Arc;

use serde::Serialize;

use super::{
    AppDependencies,
    issuers::IssuerFactory,
    memory, private_file, rest,
    services::Services,
    store,
    tls::{self, TlsListeners},
    upstreams::Upstreams,
};
use crate::{
    config::{Audit, Config, ConfigError, Grpc, Rest, StoreConfig, ValidConfig},
    rest::Passthrough,
    service::{
        audit::{AuditEvent, AuditLog, AuditOutcome},
        operator::Operator,
        policy::{Policy, SharedPolicy},
    },
};

/// Applies the reloadable part of the configuration: environments and requestors, schedules, applications, key pairs,
/// the keys that verify statements, the gRPC callers with the issuers of their tokens, and the listeners' TLS.
#[derive(Debug, Clone)]
pub struct Reload {
    started_with: Config,
    policy: SharedPolicy,
    upstreams: Arc<Upstreams>,
    issuers: Arc<IssuerFactory>,
    passthrough: Passthrough,
    audit: AuditLog,
    tls: Arc<TlsListeners>,
    memory: Option<u64>,
}

impl Reload {
    pub(super) fn new(
        started_with: Config,
        services: &Services,
        passthrough: Passthrough,
        tls: Arc<TlsListeners>,
        memory: Option<u64>,
    ) -> Self {
        let (policy, upstreams) = (Arc::clone(&services.policy), Arc::clone(&services.upstreams));
        let (issuers, audit) = (Arc::clone(&services.issuers), services.audit.clone());
        Self { started_with, policy, upstreams, issuers, passthrough, audit, tls, memory }
    }

    /// Applies the reloadable part of `config` to subsequent calls. Returns whether any other key differs, which takes
    /// effect only after a restart.
    ///
    /// # Errors
    /// If any value is invalid. Nothing changes then.
    pub fn apply(&self, config: Config) -> Result<bool, ConfigError> {
        ValidConfig::read(without_store(&config))?;
        let rest = Rest {
            legacy_keys: config.rest.legacy_keys.clone(),
            statement_jwks: config.rest.statement_jwks.clone(),
            tls: config.rest.tls.clone(),
            ..self.started_with.rest.clone()
        };
        // `grpc.auth` is not reloadable, and callers and issuers only make sense together with it.
        let has_same_auth = config.grpc.auth == self.started_with.grpc.auth;
        let asking = if has_same_auth { &config } else { &self.started_with };
        let grpc = Grpc {
            jwt: asking.grpc.jwt.clone(),
            tls: asking.grpc.tls.clone(),
            ..self.started_with.grpc.clone()
        };
        let reloaded = Config {
            grpc,
            callers: asking.callers.clone(),
            environments: config.environments.clone(),
            applications: config.applications.clone(),
            temp_pass_schedules: config.temp_pass_schedules.clone(),
            rest,
            ..self.started_with.clone()
        };
        let valid = ValidConfig::read(without_store(&reloaded))?;
        memory::check(&valid, store::bytes_per_code(&self.started_with), self.memory)?;
        let tls = self.tls.prepare(&reloaded).map_err(ConfigError::of_values)?;
        rest::prepare(&self.passthrough, &valid)?;
        let issuers = self.issuers.make(&valid.issuers)?;
        let policy = self.upstreams.complete(Policy::new(&valid), &valid.upstreams)?;
        self.issuers.install(issuers);
        self.policy.replace(policy);
        self.tls.apply(tls);
        private_file::warn_of_readable(&reloaded);
        Ok(reloaded != config)
    }

    /// Records a reload, or a rejected one, in the audit log.
    pub async fn record(&self, outcome: &Result<bool, ConfigError>) {
        #[derive(Serialize)]
        struct ReloadSubject {
            /// Whether other keys changed, which take effect only after a restart.
            waits_for_restart: bool,
        }
        let Operator { name: caller, origin } = &Operator::by_signal();
        let subject = ReloadSubject { waits_for_restart: outcome.as_ref().is_ok_and(|differs| *differs) };
        let end = match outcome {
            Ok(_) => AuditOutcome::Done,
            Err(error) => AuditOutcome::Refused(error.to_string()),
        };
        let name = "configuration_reloaded";
        self.audit.record(&AuditEvent { name, caller, origin, subject, end }).await;
    }
}

/// Checks a configuration as [`App::build`](super::App::build) does, without binding or opening anything.
///
/// # Errors
/// Every error in the configuration.
pub fn check(config: Config) -> Result<(), ConfigError> {
    let valid = ValidConfig::read(config)?;
    rest::prepare(&Passthrough::default(), &valid)?;
    let AppDependencies { clock, memory, .. } = AppDependencies::default();
    memory::check(&valid, store::bytes_per_code(&valid.written), memory)?;
    tls::check(&valid.written, &clock).map_err(ConfigError::of_values)
}

/// The store and audit sections are only used at startup. Their files may no longer exist.
fn without_store(config: &Config) -> Config {
    Config { store: StoreConfig::default(), audit: Audit::default(), ..config.clone() }
}
