//! Checking a configuration, and taking a new one while the server runs.

use std::{net::SocketAddr, sync::Arc};

use super::{
    limits::out_of_range,
    rest::{cors_violations, passthrough_violations},
    services::Services,
    store,
    upstreams::{self, Upstreams},
};
use crate::{
    config::{Auth, Config, ConfigError, Rest, TlsMode},
    domain::error::Violation,
    service::policy::{Policy, SharedPolicy},
    telemetry,
};

/// Swaps the part of the configuration that can change while the server runs: environments and requestors,
/// schedules, applications, key pairs, and the keys that statements are signed with.
#[derive(Debug, Clone)]
pub struct Reload {
    started_with: Config,
    policy: SharedPolicy,
    upstreams: Arc<Upstreams>,
}

impl Reload {
    pub(super) fn new(started_with: Config, services: &Services) -> Self {
        let (policy, upstreams) = (Arc::clone(&services.policy), Arc::clone(&services.upstreams));
        Self { started_with, policy, upstreams }
    }

    /// Takes that part of `config` for the calls that begin from now on. Whether it differs in anything else, which only
    /// a restart takes.
    ///
    /// # Errors
    /// Where anything in it is wrong; then nothing changes.
    pub fn apply(&self, config: Config) -> Result<bool, ConfigError> {
        checked_policy(&config)?;
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
        let policy = self.upstreams.complete(checked_policy(&reloaded)?, &reloaded)?;
        self.policy.store(Arc::new(policy));
        Ok(reloaded != config)
    }
}

/// Checks a configuration as [`App::build`](super::App::build) does, without taking anything.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check(config: &Config) -> Result<(), ConfigError> {
    checked_policy(config)?;
    upstreams::check(config)?;
    store::key_ring(config).map(drop)
}

pub(super) fn checked_policy(config: &Config) -> Result<Policy, ConfigError> {
    let policy = Policy::new(config);
    let mut violations = exposure(config);
    violations.extend(out_of_range(config));
    violations.extend(cors_violations(config));
    violations.extend(passthrough_violations(config));
    violations.extend(telemetry::check_filter(&config.log));
    match policy {
        Ok(policy) if violations.is_empty() => Ok(policy),
        policy => {
            violations.extend(policy.err().into_iter().flatten());
            Err(ConfigError { source: "values".to_owned(), violations })
        }
    }
}

/// Strangers must not reach a listener that asks for no credentials, and not read what a plain-text one is told.
fn exposure(config: &Config) -> Vec<Violation> {
    let is_loopback = |address: SocketAddr| address.ip().to_canonical().is_loopback();
    let mut violations = Vec::new();
    let Auth::None = config.grpc.auth;
    if !is_loopback(config.grpc.listen) {
        violations.push(Violation::new(
            "grpc.listen",
            format!(
                "{} can be reached by others, and grpc.auth = \"none\" asks nobody who they are; \
                 listen on a loopback address, such as 127.0.0.1:50051",
                config.grpc.listen
            ),
        ));
    }
    if !is_loopback(config.rest.listen) && config.rest.tls.mode == TlsMode::Off {
        violations.push(Violation::new(
            "rest.listen",
            format!(
                "{} can be reached by others, and devices would send their access tokens in plain text; listen on a \
                 loopback address, such as 127.0.0.1:8080, or set rest.tls.mode = \"terminated_elsewhere\" where \
                 only a proxy that ends TLS can connect",
                config.rest.listen
            ),
        ));
    }
    violations
}
