//! Checking a configuration, and taking a new one while the server runs.

use std::sync::Arc;

use super::limits::out_of_range;
use crate::{
    config::{Auth, Config, ConfigError, TlsMode},
    domain::error::Violation,
    service::policy::{Policy, SharedPolicy},
    telemetry,
};

/// Swaps the part of the configuration that can change while the server runs: environments and requestors.
#[derive(Debug, Clone)]
pub struct Reload {
    started_with: Config,
    policy: SharedPolicy,
}

impl Reload {
    pub(super) fn new(started_with: Config, policy: SharedPolicy) -> Self {
        Self { started_with, policy }
    }

    /// Takes the environments and requestors of `config` for the calls that begin from now on. Whether it
    /// differs in anything else, which only a restart takes.
    ///
    /// # Errors
    /// Where anything in it is wrong; then nothing changes.
    pub fn apply(&self, config: Config) -> Result<bool, ConfigError> {
        checked_policy(&config)?;
        let reloaded = Config { environments: config.environments.clone(), ..self.started_with.clone() };
        self.policy.store(Arc::new(checked_policy(&reloaded)?));
        Ok(reloaded != config)
    }
}

/// Checks a configuration as [`App::build`](super::App::build) does, without taking anything.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check(config: &Config) -> Result<(), ConfigError> {
    checked_policy(config).map(drop)
}

pub(super) fn checked_policy(config: &Config) -> Result<Policy, ConfigError> {
    let policy = Policy::new(config);
    let mut violations = exposure(config);
    violations.extend(out_of_range(config));
    violations.extend(telemetry::check_filter(&config.log));
    match policy {
        Ok(policy) if violations.is_empty() => Ok(policy),
        policy => {
            violations.extend(policy.err().into_iter().flatten());
            Err(ConfigError { source: "values".to_owned(), violations })
        }
    }
}

/// Whoever reaches a listener that asks for no credentials may do everything, so strangers must not reach it.
fn exposure(config: &Config) -> Vec<Violation> {
    let Auth::None = config.grpc.auth;
    let TlsMode::Off = config.grpc.tls.mode;
    if config.grpc.listen.ip().to_canonical().is_loopback() {
        return Vec::new();
    }
    vec![Violation::new(
        "grpc.listen",
        format!(
            "{} can be reached by others, and grpc.auth = \"none\" asks nobody who they are; \
             listen on a loopback address, such as 127.0.0.1:50051",
            config.grpc.listen
        ),
    )]
}
