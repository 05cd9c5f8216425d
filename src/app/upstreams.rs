//! The configured upstreams. An upstream whose configuration does not change survives a reload, with its tokens and its
//! circuit breaker.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::{
    backend::upstream::{CircuitState, RegisteredStatement, Upstream, UpstreamDependencies},
    config::{ConfigError, ValidUpstream},
    domain::{error::Violation, id::EnvironmentName},
    service::policy::Policy,
};

/// The upstream of each environment that has one.
pub(super) struct Upstreams {
    parts: UpstreamDependencies,
    present: Mutex<BTreeMap<EnvironmentName, Upstream>>,
}

impl Upstreams {
    pub(super) fn new(parts: UpstreamDependencies) -> Self {
        Self { parts, present: Mutex::default() }
    }

    /// Adds these upstreams to their environments in the policy.
    ///
    /// # Errors
    /// If an HTTP client cannot be created. Nothing changes then.
    pub(super) fn complete(
        &self,
        mut policy: Policy,
        upstreams: &BTreeMap<EnvironmentName, ValidUpstream>,
    ) -> Result<Policy, ConfigError> {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = BTreeMap::new();
        for (name, upstream) in upstreams {
            let ValidUpstream { options, software_statement } = upstream;
            let statement = RegisteredStatement::from(software_statement);
            let kept = present.get(name).filter(|upstream| upstream.is_made_from(options, &statement));
            let upstream = match kept {
                Some(upstream) => upstream.clone(),
                None => {
                    let made = Upstream::new(name.clone(), options.clone(), statement, self.parts.clone());
                    let made = made.map_err(|text| {
                        ConfigError::of_values(vec![Violation::new(format!("environments.{name}.url"), text)])
                    })?;
                    let upstream = made.clone();
                    self.parts.tasks.spawn(async move { upstream.warn_of_client_change().await });
                    made
                }
            };
            policy = policy.with_upstream(name, upstream.backends());
            next.insert(name.clone(), upstream);
        }
        *present = next;
        Ok(policy)
    }

    /// The circuit breaker's state of each upstream.
    pub(super) fn circuits(&self) -> Vec<(EnvironmentName, CircuitState)> {
        let present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        present.iter().map(|(name, upstream)| (name.clone(), upstream.circuit())).collect()
    }
}

impl std::fmt::Debug for Upstreams {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Upstreams").finish_non_exhaustive()
    }
}
