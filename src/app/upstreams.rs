//! The upstreams that the configuration asks for. Those that it changes nothing about live on over a reload, with their
//! tokens and circuits.

use std::{
    collections::BTreeMap,
    fs,
    sync::{Mutex, PoisonError},
};

use reqwest::Url;

use crate::{
    backend::upstream::{CircuitState, Statement, Upstream, UpstreamOptions, UpstreamParts},
    config::{Config, ConfigError, Environment, TokenParameters},
    domain::{error::Violation, id::EnvironmentName},
    service::policy::Policy,
};

/// The upstream of each environment that has one.
pub(super) struct Upstreams {
    parts: UpstreamParts,
    present: Mutex<BTreeMap<EnvironmentName, Upstream>>,
}

impl Upstreams {
    pub fn new(parts: UpstreamParts) -> Self {
        Self { parts, present: Mutex::default() }
    }

    /// The policy with the upstreams behind its environments that `config` has.
    ///
    /// # Errors
    /// Where a statement cannot be read, or no client can be made; then nothing changes.
    pub fn complete(&self, mut policy: Policy, config: &Config) -> Result<Policy, ConfigError> {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = BTreeMap::new();
        for (path, name, environment) in environments(config) {
            let Some((options, statement)) = settings(&path, environment).map_err(error)? else { continue };
            let kept = present.get(&name).filter(|upstream| upstream.is_made_from(&options, &statement));
            let upstream = match kept {
                Some(upstream) => upstream.clone(),
                None => Upstream::new(name.clone(), options, statement, self.parts.clone())
                    .map_err(|text| error(Violation::new(format!("{path}.url"), text)))?,
            };
            policy = policy.with_upstream(&name, upstream.backends());
            next.insert(name, upstream);
        }
        *present = next;
        Ok(policy)
    }

    /// Whether each is being spared.
    pub fn circuits(&self) -> Vec<(EnvironmentName, CircuitState)> {
        let present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        present.iter().map(|(name, upstream)| (name.clone(), upstream.circuit())).collect()
    }
}

impl std::fmt::Debug for Upstreams {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Upstreams").finish_non_exhaustive()
    }
}

/// Checks what only the machine can tell: whether the statements can be read.
///
/// # Errors
/// What is wrong with the first of them.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    for (path, _, environment) in environments(config) {
        settings(&path, environment).map_err(error)?;
    }
    Ok(())
}

fn environments(config: &Config) -> impl Iterator<Item = (String, EnvironmentName, &Environment)> {
    config.environments.iter().filter_map(|(name, environment)| {
        let path = format!("environments.{name}");
        let name = EnvironmentName::parse(&path, name).ok()?;
        Some((path, name, environment))
    })
}

fn settings(
    path: &str,
    environment: &Environment,
) -> Result<Option<(UpstreamOptions, Statement)>, Violation> {
    let (Some(url), Some(file)) = (&environment.url, &environment.software_statement_file) else {
        return Ok(None);
    };
    let wrong = |key: &str, text: String| Violation::new(format!("{path}.{key}"), text);
    let parse = |key: &str, text: &str| Url::parse(text).map_err(|error| wrong(key, error.to_string()));
    let statement = fs::read_to_string(file).map_err(|error| format!("cannot be read: {error}"));
    let statement = statement.and_then(|text| Statement::parse(&text).map_err(str::to_owned));
    let statement =
        statement.map_err(|text| wrong("software_statement_file", format!("{} {text}", file.display())))?;
    let options = UpstreamOptions {
        url: parse("url", url)?,
        reset_url: parse("reset_url", environment.reset_url.as_ref().unwrap_or(url))?,
        redirect_uri: environment.redirect_uri.clone(),
        token_parameters_in_query: environment.token_parameters == TokenParameters::FormAndQuery,
        timeout: environment.upstream_timeout.0,
        connections: environment.upstream_connections,
    };
    Ok(Some((options, statement)))
}

fn error(violation: Violation) -> ConfigError {
    ConfigError { source: "values".to_owned(), violations: vec![violation] }
}
