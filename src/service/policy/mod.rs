//! What the operator configured, checked and in domain types: one immutable snapshot that a reload swaps
//! whole.

mod client;
mod network;
mod schedule;
mod temp_pass;
mod upstream;

use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc};

use arc_swap::ArcSwap;
use iri_string::{
    spec::UriSpec,
    template::{UriTemplateStr, UriTemplateString, simple_context::SimpleContext},
    types::UriStr,
};

use crate::{
    config::{Config, TempPassIdentity},
    domain::{
        backend::UpstreamBackends,
        code::{Code, CodeFormat},
        error::Violation,
        id::{EnvironmentName, MvpdId, RequestorId},
        registration::{CodeKey, UpstreamApi},
        temp_pass::TempPassRule,
    },
};

pub use crate::domain::id::Place;
pub use client::{APPLICATION_TEXT_MAX, ClientPolicy};
pub use network::TrustedProxies;
pub use schedule::Schedule;

use network::Hosts;
pub use upstream::is_origin;

/// The environment that a request means which names none, where there are several.
const DEFAULT_ENVIRONMENT: &str = "default";

/// What a budget for wrong codes can be: at least one, and not finer than a millisecond each.
const MISSES_PER_MINUTE: RangeInclusive<u32> = 1..=60_000;

/// The present policy; a reload replaces it for the calls that begin after it.
pub type SharedPolicy = Arc<ArcSwap<Policy>>;

/// What the operator configured.
#[derive(Debug)]
pub struct Policy {
    environments: BTreeMap<EnvironmentName, EnvironmentPolicy>,
    default_environment: Option<EnvironmentName>,
    hosts: Hosts,
    /// What REST clients may be.
    pub clients: ClientPolicy,
    /// Resets at set times.
    pub schedules: Vec<Schedule>,
    /// The shape of new codes.
    pub code_format: CodeFormat,
    /// How many codes may live at once in an environment.
    pub max_live_codes: u64,
}

/// The requestors of an environment, all well-formed ones where none is listed; and what stands behind them.
#[derive(Debug, Default)]
struct EnvironmentPolicy {
    requestors: BTreeMap<RequestorId, RequestorPolicy>,
    /// The version of the upstream's API, where it is not our own store that stands there.
    api: Option<UpstreamApi>,
    /// Whether clients register with the upstream.
    relays: bool,
    upstream: Option<UpstreamBackends>,
}

/// What is configured for one requestor.
#[derive(Debug, Default)]
struct RequestorPolicy {
    verification_uri: Option<UriTemplateString>,
    temp_passes: BTreeMap<MvpdId, TempPassRule>,
    /// As the environment's, where the requestor has one of its own.
    api: Option<Option<UpstreamApi>>,
    sends_identifiers: bool,
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
    /// Checks `config` and takes what the use cases need of it.
    ///
    /// # Errors
    /// Everything that is wrong, each with its key.
    pub fn new(config: &Config) -> Result<Self, Vec<Violation>> {
        let mut violations = Vec::new();
        let mut environments = BTreeMap::new();
        let mut hosts = Hosts::default();
        for (name, environment) in &config.environments {
            let path = format!("environments.{name}");
            match EnvironmentName::parse(&path, name) {
                Ok(name) => {
                    hosts.add(&path, &name, &environment.hosts, &mut violations);
                    environments.insert(name, EnvironmentPolicy::new(&path, environment, &mut violations));
                }
                Err(violation) => violations.push(violation),
            }
        }
        if config.environments.is_empty() {
            environments.extend(
                EnvironmentName::parse("", DEFAULT_ENVIRONMENT).map(|name| (name, Default::default())),
            );
        }
        let codes = &config.codes;
        if codes.max_live_codes == 0 {
            violations
                .push(Violation::new("codes.max_live_codes", "is 0; at least one code must be able to live"));
        }
        for (key, misses) in [
            ("codes.misses_per_viewer", codes.misses_per_viewer),
            ("codes.misses_per_caller", codes.misses_per_caller),
        ] {
            if !MISSES_PER_MINUTE.contains(&misses) {
                violations.push(Violation::new(key, format!("is {misses}; 1 to 60000 a minute are allowed")));
            }
        }
        let clients = ClientPolicy::new(config, &mut violations);
        let code_format = CodeFormat::new(&codes.alphabet, codes.length, codes.max_live_codes)
            .map_err(|more| violations.extend(more));
        match code_format {
            Ok(code_format) if violations.is_empty() => {
                let mut policy = Self {
                    default_environment: default_environment(&environments),
                    environments,
                    hosts,
                    clients,
                    schedules: Vec::new(),
                    code_format,
                    max_live_codes: codes.max_live_codes,
                };
                policy.schedules = schedule::schedules(&config.temp_pass_schedules, &policy)?;
                Ok(policy)
            }
            _ => Err(violations),
        }
    }

    /// The environment and requestor that a request names; an empty environment means the default one.
    ///
    /// # Errors
    /// Where either is not well formed, the environment is unknown, or the requestor is not one of those that
    /// the environment lists.
    pub fn place(&self, environment: (&str, &str), requestor: (&str, &str)) -> Result<Place, Vec<Violation>> {
        let requestor_field = requestor.0;
        let environment = self.environment(environment.0, environment.1);
        let requestor = RequestorId::parse(requestor_field, requestor.1);
        match (environment, requestor) {
            (Ok((environment, policy)), Ok(requestor)) => {
                if policy.takes(&requestor) {
                    Ok(Place { environment: environment.clone(), requestor })
                } else {
                    Err(vec![Violation::new(
                        requestor_field,
                        format!(
                            "is no requestor of the environment {environment}; ask the operator which are"
                        ),
                    )])
                }
            }
            (environment, requestor) => Err(environment.err().into_iter().chain(requestor.err()).collect()),
        }
    }

    /// The environment that a call to `authority` means: the one that lists it among its hosts, else the default one.
    ///
    /// # Errors
    /// Where there is no default one.
    pub fn environment_of_host(&self, authority: &str) -> Result<EnvironmentName, Violation> {
        self.hosts.environment(authority).or(self.default_environment.as_ref()).cloned().ok_or_else(|| {
            Violation::new(
                "Host",
                "belongs to no environment, and there is no default one; call a host that an environment lists",
            )
        })
    }

    /// Every environment.
    pub fn environments(&self) -> impl Iterator<Item = &EnvironmentName> {
        self.environments.keys()
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
        let environment = self.environments.get(&place.environment)?;
        match environment.requestors.get(&place.requestor) {
            Some(requestor) => requestor.temp_passes.get(mvpd).copied(),
            None if environment.requestors.is_empty() => temp_pass::sample(mvpd),
            None => None,
        }
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
        self.environments.get(environment)?.upstream.as_ref()
    }

    /// The same with an upstream behind an environment.
    #[must_use]
    pub fn with_upstream(mut self, environment: &EnvironmentName, upstream: UpstreamBackends) -> Self {
        if let Some(environment) = self.environments.get_mut(environment) {
            environment.upstream = Some(upstream);
        }
        self
    }

    /// The environment's upstream, where its REST clients register there.
    #[must_use]
    pub fn relaying_upstream(&self, environment: &EnvironmentName) -> Option<&UpstreamBackends> {
        let environment = self.environments.get(environment)?;
        environment.upstream.as_ref().filter(|_| environment.relays)
    }

    /// Whether the upstream is told who a user is by the identifier itself.
    #[must_use]
    pub fn sends_identifiers(&self, place: &Place) -> bool {
        let environment = self.environments.get(&place.environment);
        let requestor = environment.and_then(|environment| environment.requestors.get(&place.requestor));
        requestor.is_some_and(|requestor| requestor.sends_identifiers)
    }

    /// The pages where a viewer types `code`.
    #[must_use]
    pub fn verification_uris(&self, place: &Place, code: &Code) -> VerificationUris {
        let template = self
            .environments
            .get(&place.environment)
            .and_then(|environment| environment.requestors.get(&place.requestor))
            .and_then(|requestor| requestor.verification_uri.as_ref());
        template.map_or_else(VerificationUris::default, |template| VerificationUris {
            plain: expand(template, None),
            complete: expand(template, Some(code.as_str())),
        })
    }

    fn environment(
        &self,
        field: &str,
        text: &str,
    ) -> Result<(&EnvironmentName, &EnvironmentPolicy), Violation> {
        let known = || self.environments.keys().map(EnvironmentName::as_str).collect::<Vec<_>>().join(", ");
        if text.is_empty() {
            let name =
                self.default_environment.as_ref().and_then(|name| self.environments.get_key_value(name));
            return name.ok_or_else(|| {
                Violation::new(field, format!("is required: there is no default; one of {}", known()))
            });
        }
        EnvironmentName::parse(field, text)?;
        self.environments
            .get_key_value(text)
            .ok_or_else(|| Violation::new(field, format!("is unknown; the environments are {}", known())))
    }
}

impl EnvironmentPolicy {
    fn takes(&self, requestor: &RequestorId) -> bool {
        self.requestors.is_empty() || self.requestors.contains_key(requestor)
    }

    fn new(path: &str, config: &crate::config::Environment, violations: &mut Vec<Violation>) -> Self {
        let mut requestors = BTreeMap::new();
        for (id, requestor) in &config.requestors {
            let path = format!("{path}.requestors.{id}");
            match (RequestorId::parse(&path, id), RequestorPolicy::new(&path, requestor)) {
                (Ok(id), Ok(policy)) => {
                    requestors.insert(id, policy);
                }
                (id, policy) => {
                    violations.extend(id.err().into_iter().chain(policy.err().into_iter().flatten()))
                }
            }
        }
        upstream::check(path, config, violations);
        let api = upstream::api(config.backend);
        let relays = upstream::relays(config);
        Self { requestors, api, relays, upstream: None }
    }
}

impl RequestorPolicy {
    fn new(path: &str, config: &crate::config::Requestor) -> Result<Self, Vec<Violation>> {
        let field = format!("{path}.verification_uri");
        let template =
            config.verification_uri.as_deref().map(|text| parse_template(&field, text)).transpose();
        match (template, temp_pass::rules(path, &config.temp_passes)) {
            (Ok(verification_uri), Ok(temp_passes)) => Ok(Self {
                verification_uri,
                temp_passes,
                api: config.backend.map(upstream::api),
                sends_identifiers: config.temp_pass_identity == TempPassIdentity::Clear,
            }),
            (template, rules) => {
                Err(template.err().into_iter().chain(rules.err().into_iter().flatten()).collect())
            }
        }
    }
}

fn default_environment(
    environments: &BTreeMap<EnvironmentName, EnvironmentPolicy>,
) -> Option<EnvironmentName> {
    match environments.get_key_value(DEFAULT_ENVIRONMENT) {
        Some((name, _)) => Some(name.clone()),
        None if environments.len() == 1 => environments.keys().next().cloned(),
        None => None,
    }
}

fn parse_template(field: &str, text: &str) -> Result<UriTemplateString, Violation> {
    let template = UriTemplateStr::new(text)
        .map_err(|error| Violation::new(field, format!("is not a URI template (RFC 6570): {error}")))?;
    if let Some(other) = template.variables().find(|variable| variable.as_str() != "code") {
        let other = other.as_str();
        return Err(Violation::new(field, format!("has the variable {other:?}; only `code` has a value")));
    }
    let complete = expand(template, Some("CODE"));
    if !complete.contains("CODE") || UriStr::new(&complete).is_err() {
        return Err(Violation::new(
            field,
            "must give an absolute URI that holds the code, such as https://example.com/activate{?code}",
        ));
    }
    Ok(template.to_owned())
}

fn expand(template: &UriTemplateStr, code: Option<&str>) -> String {
    let mut context = SimpleContext::new();
    if let Some(code) = code {
        context.insert("code", code);
    }
    // An undefined variable expands to nothing (RFC 6570, section 2.4.2), its operator's prefix included.
    template.expand::<UriSpec, _>(&context).map(|uri| uri.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
