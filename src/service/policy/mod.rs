//! The operator's configuration in the form that the use cases use: an immutable snapshot that a reload replaces.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use reqwest::Url;

use crate::{
    config::{self, CallerPolicy, ClientPolicy, Environments, LoginDefaults, Schedule, ValidConfig},
    domain::{
        authentication::AuthenticationProblem,
        backend::UpstreamBackends,
        caller::Caller,
        code::{Code, CodeFormat},
        credential::Credential,
        error::Violation,
        id::{EnvironmentName, MvpdId},
        registration_code::{CodeKey, UpstreamApi},
        temp_pass::TempPassRule,
    },
};

mod present;

pub use crate::domain::id::Place;
pub use present::PresentPolicy;

/// The current policy. A reload replaces it for subsequent calls.
pub type SharedPolicy = Arc<PresentPolicy>;

/// The operator's configuration.
#[derive(Debug)]
pub struct Policy {
    environments: Environments,
    upstreams: BTreeMap<EnvironmentName, UpstreamBackends>,
    /// The settings of REST clients.
    pub clients: ClientPolicy,
    callers: CallerPolicy,
    /// The reset schedules.
    pub schedules: Vec<Schedule>,
    /// The format of new codes.
    pub code_format: CodeFormat,
    /// The maximum number of live codes in an environment.
    pub max_live_codes: u64,
}

/// How long an upstream's answer about a device's login is cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProfileCache {
    /// If no viewer is logged in, while one may be about to.
    pub negative: Duration,
    /// If a viewer is logged in.
    pub positive: Duration,
}

/// The page where a viewer types a code: without the code, and with it. Empty if none is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerificationUris {
    /// The page.
    pub plain: String,
    /// The page with the code filled in.
    pub complete: String,
}

impl Policy {
    /// The policy of a configuration. Its environments have no upstreams yet: see [`Policy::with_upstream`].
    #[must_use]
    pub fn new(config: &ValidConfig) -> Self {
        Self {
            environments: config.environments.clone(),
            upstreams: BTreeMap::new(),
            clients: config.clients.clone(),
            callers: config.callers.clone(),
            schedules: config.schedules.clone(),
            code_format: config.code_format.clone(),
            max_live_codes: config.written.codes.max_live_codes,
        }
    }

    /// The environment and requestor named in a request. An empty environment is the default environment.
    ///
    /// # Errors
    /// If either is malformed, if the environment is unknown, or if the environment lists requestors and this is not
    /// one of them.
    pub fn place(&self, environment: (&str, &str), requestor: (&str, &str)) -> Result<Place, Vec<Violation>> {
        self.environments.place(environment, requestor)
    }

    /// The environment of a call to `authority`: the one that lists it among its hosts, otherwise the default
    /// environment.
    ///
    /// # Errors
    /// If there is no default environment.
    pub fn environment_of_host(&self, authority: &str) -> Result<EnvironmentName, Violation> {
        self.environments.environment_of_host(authority)
    }

    /// The configured caller with this credential.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn caller(&self, credential: Arc<Credential>) -> Result<Caller, AuthenticationProblem> {
        self.callers.caller(credential)
    }

    /// The configured callers.
    pub(crate) fn callers(&self) -> &CallerPolicy {
        &self.callers
    }

    /// A caller as this policy defines it, for a call that outlives the policy it began under.
    ///
    /// # Errors
    /// If it is no longer configured.
    pub(crate) fn renewed(&self, caller: &Caller) -> Result<Caller, AuthenticationProblem> {
        let Some(credential) = caller.credential() else { return Ok(caller.clone()) };
        let renewed = self.caller(Arc::clone(credential))?;
        Ok(renewed.in_call(caller.context().clone()))
    }

    /// All environments.
    pub fn environments(&self) -> impl Iterator<Item = &EnvironmentName> {
        self.environments.names()
    }

    /// The other environments that accept the code's requestor.
    #[must_use]
    pub fn other_environments(&self, key: &CodeKey) -> Vec<EnvironmentName> {
        let others = self
            .environments
            .iter()
            .filter(|(name, environment)| **name != key.environment && environment.accepts(&key.requestor));
        others.map(|(name, _)| name.clone()).collect()
    }

    /// The rule of a TempPass; `None` if the MVPD is not one.
    #[must_use]
    pub fn temp_pass(&self, place: &Place, mvpd: &MvpdId) -> Option<TempPassRule> {
        self.environments.temp_pass(place, mvpd)
    }

    /// The origin that REST calls to other paths of the environment are passed on to, if any.
    #[must_use]
    pub fn passthrough(&self, environment: &EnvironmentName) -> Option<&Url> {
        self.environments.get(environment)?.passthrough.as_ref()
    }

    /// The origin that calls of the v1 flow are passed on to unchanged, if any requestor uses version 1 of the
    /// upstream's API.
    #[must_use]
    pub fn v1_origin(&self, environment: &EnvironmentName) -> Option<&Url> {
        self.environments.get(environment)?.v1_origin()
    }

    /// The upstream's API version for calls that name no requestor.
    #[must_use]
    pub fn environment_api(&self, environment: &EnvironmentName) -> Option<UpstreamApi> {
        self.environments.get(environment)?.api
    }

    /// Whether the requestors of an environment use different backends.
    #[must_use]
    pub fn has_several_apis(&self, environment: &EnvironmentName) -> bool {
        self.environments.get(environment).is_some_and(|environment| environment.has_several_apis())
    }

    /// Whether second-screen pages may call without a token.
    #[must_use]
    pub fn opens_second_screen(&self, environment: &EnvironmentName) -> bool {
        self.environments.get(environment).is_some_and(|environment| environment.opens_second_screen)
    }

    /// The upstream's API version of a place; `None` for the local backend.
    #[must_use]
    pub fn upstream_api(&self, place: &Place) -> Option<UpstreamApi> {
        let environment = self.environments.get(&place.environment)?;
        let requestor = environment.requestors.get(&place.requestor);
        requestor.and_then(|requestor| requestor.api).unwrap_or(environment.api)
    }

    /// The environment's upstream, if it has one.
    #[must_use]
    pub fn upstream(&self, environment: &EnvironmentName) -> Option<&UpstreamBackends> {
        self.upstreams.get(environment)
    }

    /// Adds an upstream to an environment.
    #[must_use]
    pub fn with_upstream(mut self, environment: &EnvironmentName, upstream: UpstreamBackends) -> Self {
        self.upstreams.insert(environment.clone(), upstream);
        self
    }

    /// The environment's upstream, if its REST clients register there.
    #[must_use]
    pub fn relaying_upstream(&self, environment: &EnvironmentName) -> Option<&UpstreamBackends> {
        let relays = self.environments.get(environment)?.relays;
        self.upstream(environment).filter(|_| relays)
    }

    /// Whether the upstream receives the user identifier itself.
    #[must_use]
    pub fn sends_identifiers(&self, place: &Place) -> bool {
        self.environments.requestor(place).is_some_and(|requestor| requestor.sends_identifiers)
    }

    /// Whether errors of the requestor include details with the provider's codes.
    #[must_use]
    pub fn has_enhanced_errors(&self, place: &Place) -> bool {
        self.environments.requestor(place).is_some_and(|requestor| requestor.has_enhanced_errors)
    }

    /// The defaults of the requestor's logins, if configured.
    #[must_use]
    pub fn login_defaults(&self, place: &Place) -> Option<&LoginDefaults> {
        self.environments.requestor(place).map(|requestor| &requestor.login)
    }

    /// How long answers of the environment's upstream about a device's login are cached.
    #[must_use]
    pub fn profile_cache(&self, environment: &EnvironmentName) -> ProfileCache {
        let configured = self.environments.get(environment).map(|environment| environment.profile_cache);
        let config::ProfileCacheConfig { negative, positive } = configured.unwrap_or_default();
        ProfileCache { negative: negative.0, positive: positive.0 }
    }

    /// The pages where a viewer types `code`.
    #[must_use]
    pub fn verification_uris(&self, place: &Place, code: &Code) -> VerificationUris {
        let page =
            self.environments.requestor(place).and_then(|requestor| requestor.verification_page.as_ref());
        page.map_or_else(VerificationUris::default, |page| VerificationUris {
            plain: page.uri(None),
            complete: page.uri(Some(code.as_str())),
        })
    }
}

#[cfg(test)]
mod tests;
