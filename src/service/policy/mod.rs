//! What the operator configured, as the use cases ask for it: one immutable snapshot that a reload swaps whole.

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
        registration::{CodeKey, UpstreamApi},
        temp_pass::TempPassRule,
    },
};

mod present;

pub use crate::domain::id::Place;
pub use present::PresentPolicy;

/// The present policy; a reload replaces it for the calls that begin after it.
pub type SharedPolicy = Arc<PresentPolicy>;

/// What the operator configured.
#[derive(Debug)]
pub struct Policy {
    environments: Environments,
    upstreams: BTreeMap<EnvironmentName, UpstreamBackends>,
    /// What REST clients may be.
    pub clients: ClientPolicy,
    callers: CallerPolicy,
    /// Resets at set times.
    pub schedules: Vec<Schedule>,
    /// The shape of new codes.
    pub code_format: CodeFormat,
    /// How many codes may live at once in an environment.
    pub max_live_codes: u64,
}

/// For how long what an upstream said of a device's login is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProfileCache {
    /// That nobody is logged in, while somebody may be about to.
    pub negative: Duration,
    /// That somebody is.
    pub positive: Duration,
}

/// Where a viewer types a code: without the code, and with it. Empty where none is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerificationUris {
    /// The page.
    pub plain: String,
    /// The page with the code filled in.
    pub complete: String,
}

impl Policy {
    /// What the use cases need of a configuration. No environment has its upstream yet: see [`Policy::with_upstream`].
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

    /// The environment and requestor that a request names; an empty environment means the default one.
    ///
    /// # Errors
    /// Where either is not well formed, the environment is unknown, or the requestor is not one of those that
    /// the environment lists.
    pub fn place(&self, environment: (&str, &str), requestor: (&str, &str)) -> Result<Place, Vec<Violation>> {
        self.environments.place(environment, requestor)
    }

    /// The environment that a call to `authority` means: the one that lists it among its hosts, else the default one.
    ///
    /// # Errors
    /// Where there is no default one.
    pub fn environment_of_host(&self, authority: &str) -> Result<EnvironmentName, Violation> {
        self.environments.environment_of_host(authority)
    }

    /// The listed caller that is known by this.
    ///
    /// # Errors
    /// Where nobody is.
    pub(crate) fn caller(&self, credential: Arc<Credential>) -> Result<Caller, AuthenticationProblem> {
        self.callers.caller(credential)
    }

    /// The callers that are listed.
    pub(crate) fn callers(&self) -> &CallerPolicy {
        &self.callers
    }

    /// A caller as this policy has it, for a call that outlives the policy that it began under.
    ///
    /// # Errors
    /// Where it is no longer listed.
    pub(crate) fn renewed(&self, caller: &Caller) -> Result<Caller, AuthenticationProblem> {
        let Some(credential) = caller.credential() else { return Ok(caller.clone()) };
        let renewed = self.caller(Arc::clone(credential))?;
        Ok(renewed.in_call(caller.context().clone()))
    }

    /// Every environment.
    pub fn environments(&self) -> impl Iterator<Item = &EnvironmentName> {
        self.environments.names()
    }

    /// The environments beside the code's own that take its requestor.
    #[must_use]
    pub fn other_environments(&self, key: &CodeKey) -> Vec<EnvironmentName> {
        let others = self
            .environments
            .iter()
            .filter(|(name, environment)| **name != key.environment && environment.takes(&key.requestor));
        others.map(|(name, _)| name.clone()).collect()
    }

    /// What the TempPass is; `None` where there is no such one.
    #[must_use]
    pub fn temp_pass(&self, place: &Place, mvpd: &MvpdId) -> Option<TempPassRule> {
        self.environments.temp_pass(place, mvpd)
    }

    /// The origin that REST calls to other paths of the environment go to, if anywhere.
    #[must_use]
    pub fn passthrough(&self, environment: &EnvironmentName) -> Option<&Url> {
        self.environments.get(environment)?.passthrough.as_ref()
    }

    /// The origin that calls of the v1 flow go to as they are, where the upstream's first version stands behind any requestor.
    #[must_use]
    pub fn v1_origin(&self, environment: &EnvironmentName) -> Option<&Url> {
        self.environments.get(environment)?.v1_origin()
    }

    /// The version of the upstream's API that stands behind an environment where a call names no requestor.
    #[must_use]
    pub fn environment_api(&self, environment: &EnvironmentName) -> Option<UpstreamApi> {
        self.environments.get(environment)?.api
    }

    /// Whether not the same stands behind all requestors of an environment.
    #[must_use]
    pub fn has_several_apis(&self, environment: &EnvironmentName) -> bool {
        self.environments.get(environment).is_some_and(|environment| environment.has_several_apis())
    }

    /// Whether second-screen pages may call without a token.
    #[must_use]
    pub fn opens_second_screen(&self, environment: &EnvironmentName) -> bool {
        self.environments.get(environment).is_some_and(|environment| environment.opens_second_screen)
    }

    /// The version of the upstream's API that stands behind a place; `None` where our own store does.
    #[must_use]
    pub fn upstream_api(&self, place: &Place) -> Option<UpstreamApi> {
        let environment = self.environments.get(&place.environment)?;
        let requestor = environment.requestors.get(&place.requestor);
        requestor.and_then(|requestor| requestor.api).unwrap_or(environment.api)
    }

    /// The environment's upstream, where it has one.
    #[must_use]
    pub fn upstream(&self, environment: &EnvironmentName) -> Option<&UpstreamBackends> {
        self.upstreams.get(environment)
    }

    /// The same with an upstream behind an environment.
    #[must_use]
    pub fn with_upstream(mut self, environment: &EnvironmentName, upstream: UpstreamBackends) -> Self {
        self.upstreams.insert(environment.clone(), upstream);
        self
    }

    /// The environment's upstream, where its REST clients register there.
    #[must_use]
    pub fn relaying_upstream(&self, environment: &EnvironmentName) -> Option<&UpstreamBackends> {
        let relays = self.environments.get(environment)?.relays;
        self.upstream(environment).filter(|_| relays)
    }

    /// Whether the upstream is told who a user is by the identifier itself.
    #[must_use]
    pub fn sends_identifiers(&self, place: &Place) -> bool {
        self.environments.requestor(place).is_some_and(|requestor| requestor.sends_identifiers)
    }

    /// Whether errors of the requestor say more, by the provider's codes.
    #[must_use]
    pub fn has_enhanced_errors(&self, place: &Place) -> bool {
        self.environments.requestor(place).is_some_and(|requestor| requestor.has_enhanced_errors)
    }

    /// What the requestor's logins fall back to, where anything is configured.
    #[must_use]
    pub fn login_defaults(&self, place: &Place) -> Option<&LoginDefaults> {
        self.environments.requestor(place).map(|requestor| &requestor.login)
    }

    /// For how long what the environment's upstream said of a device's login is good.
    #[must_use]
    pub fn profile_cache(&self, environment: &EnvironmentName) -> ProfileCache {
        let configured = self.environments.get(environment).map(|environment| environment.profile_cache);
        let config::ProfileCache { negative, positive } = configured.unwrap_or_default();
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
