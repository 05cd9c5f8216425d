//! What the configuration says of environments and their requestors.

use std::collections::BTreeMap;

use iri_string::{
    spec::UriSpec,
    template::{UriTemplateStr, UriTemplateString, simple_context::SimpleContext},
    types::UriStr,
};

use reqwest::Url;

use super::{network::Hosts, temp_pass, upstream};
use crate::{
    config::{
        BackendKind, EnvironmentConfig, ProfileCacheConfig, RequestorConfig, SecondScreen, TempPassIdentity,
    },
    domain::{
        device_info::DeviceInfo,
        entitlement::{DOMAIN_NAME_MAX, REDIRECT_URL_MAX},
        error::{Violation, Violations},
        id::{EnvironmentName, MvpdId, Place, RequestorId},
        registration_code::UpstreamApi,
        temp_pass::TempPassRule,
    },
};

/// The environment that a request means which names none, where there are several.
const DEFAULT_ENVIRONMENT: &str = "default";

/// The environments, at least one.
#[derive(Debug, Clone)]
pub struct Environments {
    all: BTreeMap<EnvironmentName, ValidEnvironment>,
    default: Option<EnvironmentName>,
    hosts: Hosts,
}

/// The requestors of an environment, all well-formed ones where none is listed; and what stands behind them.
#[derive(Debug, Clone, Default)]
pub struct ValidEnvironment {
    /// The requestors that are listed.
    pub requestors: BTreeMap<RequestorId, ValidRequestor>,
    /// The version of the upstream's API, where it is not our own store that stands there.
    pub api: Option<UpstreamApi>,
    /// Whether REST clients register with the upstream.
    pub relays: bool,
    /// The origin of the upstream's REST API, where there is one.
    pub url: Option<Url>,
    /// The origin that REST calls to other paths go to.
    pub passthrough: Option<Url>,
    /// Whether second-screen pages may call without a token.
    pub opens_second_screen: bool,
    /// For how long what the upstream said of a device's login is good.
    pub profile_cache: ProfileCacheConfig,
}

/// What is configured for one requestor.
#[derive(Debug, Clone, Default)]
pub struct ValidRequestor {
    /// Where viewers type its codes.
    pub verification_page: Option<VerificationPage>,
    /// Its TempPasses.
    pub temp_passes: BTreeMap<MvpdId, TempPassRule>,
    /// As the environment's, where the requestor has one of its own.
    pub api: Option<Option<UpstreamApi>>,
    /// Whether the upstream is told who a user is by the identifier itself.
    pub sends_identifiers: bool,
    /// How viewers log in and out.
    pub login: LoginDefaults,
    /// Whether errors say more, by the provider's codes.
    pub has_enhanced_errors: bool,
}

/// What a requestor's logins fall back to.
#[derive(Debug, Clone, Default)]
pub struct LoginDefaults {
    /// The domain that they start from.
    pub domain_name: Option<String>,
    /// Where a browser comes back to after a logout.
    pub logout_redirect_url: Option<String>,
    /// What is said of a device that says nothing of itself.
    pub device_info: Option<DeviceInfo>,
}

/// A page where viewers type codes: a URI template (RFC 6570) with the variable `code`.
#[derive(Debug, Clone)]
pub struct VerificationPage(UriTemplateString);

impl Environments {
    pub(super) fn new(config: &BTreeMap<String, EnvironmentConfig>) -> Result<Self, Vec<Violation>> {
        let mut violations = Violations::default();
        let mut all = BTreeMap::new();
        let mut hosts = Hosts::default();
        for (name, environment) in config {
            let path = format!("environments.{name}");
            if let Some(name) = violations.take(EnvironmentName::parse(&path, name)) {
                hosts.add(&path, &name, &environment.hosts, &mut violations);
                let environment = violations.take_all(ValidEnvironment::new(&path, environment));
                all.extend(environment.map(|environment| (name, environment)));
            }
        }
        if config.is_empty() {
            let name = violations.take(EnvironmentName::parse("environments", DEFAULT_ENVIRONMENT));
            all.extend(name.map(|name| (name, ValidEnvironment::default())));
        }
        let default = match all.get_key_value(DEFAULT_ENVIRONMENT) {
            Some((name, _)) => Some(name.clone()),
            None if all.len() == 1 => all.keys().next().cloned(),
            None => None,
        };
        violations.none_or(Self { all, default, hosts })
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &EnvironmentName> {
        self.all.keys()
    }

    /// Every environment.
    pub fn iter(&self) -> impl Iterator<Item = (&EnvironmentName, &ValidEnvironment)> {
        self.all.iter()
    }

    /// The environment of this name.
    #[must_use]
    pub fn get(&self, name: &EnvironmentName) -> Option<&ValidEnvironment> {
        self.all.get(name)
    }

    /// What is configured for the requestor of a place.
    #[must_use]
    pub fn requestor(&self, place: &Place) -> Option<&ValidRequestor> {
        self.get(&place.environment)?.requestors.get(&place.requestor)
    }

    /// What the TempPass is; `None` where there is no such one.
    #[must_use]
    pub fn temp_pass(&self, place: &Place, mvpd: &MvpdId) -> Option<TempPassRule> {
        let environment = self.get(&place.environment)?;
        match environment.requestors.get(&place.requestor) {
            Some(requestor) => requestor.temp_passes.get(mvpd).copied(),
            None if environment.requestors.is_empty() => temp_pass::sample(mvpd),
            None => None,
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
        self.hosts.environment(authority).or(self.default.as_ref()).cloned().ok_or_else(|| {
            Violation::new(
                "Host",
                "belongs to no environment, and there is no default one; call a host that an environment lists",
            )
        })
    }

    fn environment(
        &self,
        field: &str,
        text: &str,
    ) -> Result<(&EnvironmentName, &ValidEnvironment), Violation> {
        let known = || self.all.keys().map(EnvironmentName::as_str).collect::<Vec<_>>().join(", ");
        if text.is_empty() {
            let name = self.default.as_ref().and_then(|name| self.all.get_key_value(name));
            return name.ok_or_else(|| {
                Violation::new(field, format!("is required: there is no default; one of {}", known()))
            });
        }
        EnvironmentName::parse(field, text)?;
        self.all
            .get_key_value(text)
            .ok_or_else(|| Violation::new(field, format!("is unknown; the environments are {}", known())))
    }
}

impl ValidEnvironment {
    /// Whether codes and trials of this requestor are taken here.
    #[must_use]
    pub fn takes(&self, requestor: &RequestorId) -> bool {
        self.requestors.is_empty() || self.requestors.contains_key(requestor)
    }

    /// Whether our own store issues codes of any requestor here.
    #[must_use]
    pub fn draws_codes(&self) -> bool {
        let is_ours = |requestor: &ValidRequestor| requestor.api.unwrap_or(self.api).is_none();
        if self.requestors.is_empty() { self.api.is_none() } else { self.requestors.values().any(is_ours) }
    }

    /// The origin that calls of the v1 flow go to as they are, where the upstream's first version stands behind any requestor.
    #[must_use]
    pub fn v1_origin(&self) -> Option<&Url> {
        self.passthrough.as_ref().or(self.url.as_ref()).filter(|_| {
            let is_v1 =
                |requestor: &ValidRequestor| requestor.api.unwrap_or(self.api) == Some(UpstreamApi::V1);
            self.api == Some(UpstreamApi::V1) || self.requestors.values().any(is_v1)
        })
    }

    /// Whether not the same stands behind all requestors.
    #[must_use]
    pub fn has_several_apis(&self) -> bool {
        self.requestors.values().any(|requestor| requestor.api.is_some_and(|api| api != self.api))
    }

    fn new(path: &str, config: &EnvironmentConfig) -> Result<Self, Vec<Violation>> {
        let mut violations = Violations::default();
        let mut requestors = BTreeMap::new();
        for (id, requestor) in &config.requestors {
            let path = format!("{path}.requestors.{id}");
            let id = violations.take(RequestorId::parse(&path, id));
            requestors.extend(id.zip(violations.take_all(ValidRequestor::new(&path, requestor))));
        }
        upstream::check(path, config, &mut violations);
        let api = upstream::api(config.backend);
        let origin = |text: &Option<String>| text.as_deref().and_then(|text| upstream::origin(text).ok());
        violations.none_or(Self {
            requestors,
            api,
            relays: upstream::relays(config),
            url: origin(&config.url),
            passthrough: origin(&config.passthrough),
            opens_second_screen: opens_second_screen(config),
            profile_cache: config.profile_cache,
        })
    }
}

fn opens_second_screen(config: &EnvironmentConfig) -> bool {
    match config.second_screen {
        Some(second_screen) => second_screen == SecondScreen::Open,
        None => config.backend != BackendKind::Local,
    }
}

impl ValidRequestor {
    fn new(path: &str, config: &RequestorConfig) -> Result<Self, Vec<Violation>> {
        let mut violations = Violations::default();
        let field = format!("{path}.verification_uri");
        let page = config.verification_uri.as_deref().map(|text| VerificationPage::parse(&field, text));
        let verification_page = page.and_then(|page| violations.take(page));
        let temp_passes =
            violations.take_all(temp_pass::rules(path, &config.temp_passes)).unwrap_or_default();
        let login = LoginDefaults::new(path, config, &mut violations);
        violations.none_or(Self {
            verification_page,
            temp_passes,
            api: config.backend.map(upstream::api),
            sends_identifiers: config.temp_pass_identity == TempPassIdentity::Clear,
            has_enhanced_errors: config.enhanced_errors,
            login,
        })
    }
}

impl LoginDefaults {
    fn new(path: &str, config: &RequestorConfig, violations: &mut Violations) -> Self {
        let RequestorConfig { domain_name, logout_redirect_url, default_device_info, .. } = config;
        if let Some(name) = domain_name {
            let field = format!("{path}.domain_name");
            violations.check_text(&field, name, DOMAIN_NAME_MAX);
            if name.is_empty() || name.contains(['/', ':', ' ']) {
                violations.add(&field, "is no domain; write it like example.com");
            }
        }
        if let Some(url) = logout_redirect_url {
            let field = format!("{path}.logout_redirect_url");
            violations.check_length(&field, url, REDIRECT_URL_MAX);
            if !Url::parse(url).is_ok_and(|url| url.has_host()) {
                violations.add(&field, "is no absolute URL; write it like https://example.com/goodbye");
            }
        }
        let device_info = default_device_info.as_deref().and_then(|text| {
            let within = |violation: Violation| violation.within(&format!("{path}.default_device_info"));
            let decoded = DeviceInfo::decode(text);
            let decoded = decoded.map_err(|violations| violations.into_iter().map(within).collect());
            violations.take_all(decoded).map(|(info, _)| info)
        });
        Self {
            domain_name: domain_name.clone(),
            logout_redirect_url: logout_redirect_url.clone(),
            device_info,
        }
    }
}

impl VerificationPage {
    /// Its URI, with the code filled in where one is given.
    #[must_use]
    pub fn uri(&self, code: Option<&str>) -> String {
        expand(&self.0, code)
    }

    fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        let template = UriTemplateStr::new(text)
            .map_err(|error| Violation::new(field, format!("is not a URI template (RFC 6570): {error}")))?;
        if let Some(other) = template.variables().find(|variable| variable.as_str() != "code") {
            let other = other.as_str();
            return Err(Violation::new(
                field,
                format!("has the variable {other:?}; only `code` has a value"),
            ));
        }
        let complete = expand(template, Some("CODE"));
        if !complete.contains("CODE") || UriStr::new(&complete).is_err() {
            return Err(Violation::new(
                field,
                "must give an absolute URI that holds the code, such as https://example.com/activate{?code}",
            ));
        }
        Ok(Self(template.to_owned()))
    }
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
mod tests {
    use super::*;

    #[test]
    fn codes_are_drawn_here_where_any_requestor_has_no_upstream() {
        let (ours, theirs) = (None, Some(UpstreamApi::V2));
        let draws = |api, requestors: &[Option<Option<UpstreamApi>>]| {
            let requestor = |(index, api): (usize, &Option<_>)| {
                let id = RequestorId::parse("requestor", &format!("R{index}")).expect("valid");
                (id, ValidRequestor { api: *api, ..ValidRequestor::default() })
            };
            let requestors = requestors.iter().enumerate().map(requestor).collect();
            ValidEnvironment { requestors, api, ..ValidEnvironment::default() }.draws_codes()
        };
        assert!(draws(ours, &[]) && draws(ours, &[None]) && draws(ours, &[Some(theirs), None]));
        assert!(draws(theirs, &[Some(ours), None]));
        assert!(!draws(theirs, &[]) && !draws(theirs, &[None]) && !draws(ours, &[Some(theirs)]));
    }
}
