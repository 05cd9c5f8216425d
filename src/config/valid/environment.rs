//! Environments and their requestors, checked.

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

/// The environment of requests that name none, if there are several.
const DEFAULT_ENVIRONMENT: &str = "default";

/// The environments, at least one.
#[derive(Debug, Clone)]
pub struct Environments {
    all: BTreeMap<EnvironmentName, ValidEnvironment>,
    default: Option<EnvironmentName>,
    hosts: Hosts,
}

/// An environment: its requestors (any well-formed id if none is listed), and its backend.
#[derive(Debug, Clone, Default)]
pub struct ValidEnvironment {
    /// The listed requestors.
    pub requestors: BTreeMap<RequestorId, ValidRequestor>,
    /// The version of the upstream's API; `None` for the local backend.
    pub api: Option<UpstreamApi>,
    /// Whether REST clients register with the upstream.
    pub relays: bool,
    /// The origin of the upstream's REST API.
    pub url: Option<Url>,
    /// The origin that receives REST calls to all other paths.
    pub passthrough: Option<Url>,
    /// Whether second-screen pages may call without a token.
    pub opens_second_screen: bool,
    /// How long the upstream's answer about a device's login is cached.
    pub profile_cache: ProfileCacheConfig,
}

/// The configuration of a requestor.
#[derive(Debug, Clone, Default)]
pub struct ValidRequestor {
    /// The page on which viewers type its codes.
    pub verification_page: Option<VerificationPage>,
    /// Its TempPasses.
    pub temp_passes: BTreeMap<MvpdId, TempPassRule>,
    /// The requestor's own value of [`ValidEnvironment::api`], if it has one.
    pub api: Option<Option<UpstreamApi>>,
    /// Whether users are identified to the upstream by the identifier itself.
    pub sends_identifiers: bool,
    /// The defaults of logins and logouts.
    pub login: LoginDefaults,
    /// Whether errors have the provider's detailed error codes.
    pub has_enhanced_errors: bool,
}

/// Defaults for the logins of a requestor.
#[derive(Debug, Clone, Default)]
pub struct LoginDefaults {
    /// The domain that logins start from.
    pub domain_name: Option<String>,
    /// The URL that a browser returns to after a logout.
    pub logout_redirect_url: Option<String>,
    /// The device information of devices that send none.
    pub device_info: Option<DeviceInfo>,
}

/// A page on which viewers type codes: a URI template (RFC 6570) with the variable `code`.
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

    /// The names of all environments.
    pub fn names(&self) -> impl Iterator<Item = &EnvironmentName> {
        self.all.keys()
    }

    /// All environments.
    pub fn iter(&self) -> impl Iterator<Item = (&EnvironmentName, &ValidEnvironment)> {
        self.all.iter()
    }

    /// The environment of this name.
    #[must_use]
    pub fn get(&self, name: &EnvironmentName) -> Option<&ValidEnvironment> {
        self.all.get(name)
    }

    /// The configuration of the requestor of a place.
    #[must_use]
    pub fn requestor(&self, place: &Place) -> Option<&ValidRequestor> {
        self.get(&place.environment)?.requestors.get(&place.requestor)
    }

    /// The rule of a TempPass; `None` if it does not exist.
    #[must_use]
    pub fn temp_pass(&self, place: &Place, mvpd: &MvpdId) -> Option<TempPassRule> {
        let environment = self.get(&place.environment)?;
        match environment.requestors.get(&place.requestor) {
            Some(requestor) => requestor.temp_passes.get(mvpd).copied(),
            None if environment.requestors.is_empty() => temp_pass::sample(mvpd),
            None => None,
        }
    }

    /// The place that a request names. An empty environment means the default one. Both arguments are pairs
    /// of field name and value.
    ///
    /// # Errors
    /// If either is malformed, the environment is unknown, or the environment lists requestors without this
    /// one.
    pub fn place(&self, environment: (&str, &str), requestor: (&str, &str)) -> Result<Place, Vec<Violation>> {
        let requestor_field = requestor.0;
        let environment = self.environment(environment.0, environment.1);
        let requestor = RequestorId::parse(requestor_field, requestor.1);
        match (environment, requestor) {
            (Ok((environment, policy)), Ok(requestor)) => {
                if policy.accepts(&requestor) {
                    Ok(Place { environment: environment.clone(), requestor })
                } else {
                    Err(vec![Violation::new(
                        requestor_field,
                        format!(
                            "must be a requestor of the environment {environment}; ask the operator for its requestors"
                        ),
                    )])
                }
            }
            (environment, requestor) => Err(environment.err().into_iter().chain(requestor.err()).collect()),
        }
    }

    /// The environment of a call to `authority`: the one that lists it among its hosts, or else the default
    /// one.
    ///
    /// # Errors
    /// If no environment lists it and there is no default one.
    pub fn environment_of_host(&self, authority: &str) -> Result<EnvironmentName, Violation> {
        self.hosts.environment(authority).or(self.default.as_ref()).cloned().ok_or_else(|| {
            Violation::new(
                "Host",
                "must be a host that an environment lists, because there is no default environment",
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
                Violation::new(
                    field,
                    format!("is required, because there is no default environment: one of {}", known()),
                )
            });
        }
        EnvironmentName::parse(field, text)?;
        self.all
            .get_key_value(text)
            .ok_or_else(|| Violation::new(field, format!("must be one of {}", known())))
    }
}

impl ValidEnvironment {
    /// Whether this environment accepts codes and trials of the requestor.
    #[must_use]
    pub fn accepts(&self, requestor: &RequestorId) -> bool {
        self.requestors.is_empty() || self.requestors.contains_key(requestor)
    }

    /// Whether the local backend issues codes for any requestor.
    #[must_use]
    pub fn draws_codes(&self) -> bool {
        let is_ours = |requestor: &ValidRequestor| requestor.api.unwrap_or(self.api).is_none();
        if self.requestors.is_empty() { self.api.is_none() } else { self.requestors.values().any(is_ours) }
    }

    /// The origin that receives calls of the v1 flow unchanged, if any requestor's backend is v1.
    #[must_use]
    pub fn v1_origin(&self) -> Option<&Url> {
        self.passthrough.as_ref().or(self.url.as_ref()).filter(|_| {
            let is_v1 =
                |requestor: &ValidRequestor| requestor.api.unwrap_or(self.api) == Some(UpstreamApi::V1);
            self.api == Some(UpstreamApi::V1) || self.requestors.values().any(is_v1)
        })
    }

    /// Whether requestors have different backends.
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
                violations.add(&field, "must be a domain name, such as example.com");
            }
        }
        if let Some(url) = logout_redirect_url {
            let field = format!("{path}.logout_redirect_url");
            violations.check_length(&field, url, REDIRECT_URL_MAX);
            if !Url::parse(url).is_ok_and(|url| url.has_host()) {
                violations.add(&field, "must be an absolute URL, such as https://example.com/goodbye");
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
    /// The URI of the page, with the code if one is given.
    #[must_use]
    pub fn uri(&self, code: Option<&str>) -> String {
        expand(&self.0, code)
    }

    fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        let template = UriTemplateStr::new(text)
            .map_err(|error| Violation::new(field, format!("must be a URI template (RFC 6570): {error}")))?;
        if let Some(other) = template.variables().find(|variable| variable.as_str() != "code") {
            let other = other.as_str();
            return Err(Violation::new(
                field,
                format!("must have no variable except `code`, but has {other:?}"),
            ));
        }
        let complete = expand(template, Some("CODE"));
        if !complete.contains("CODE") || UriStr::new(&complete).is_err() {
            return Err(Violation::new(
                field,
                "must expand to an absolute URI that contains the code, such as https://example.com/activate{?code}",
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
    // An undefined variable expands to nothing, including its operator's prefix (RFC 6570, section 2.4.2).
    template.expand::<UriSpec, _>(&context).map(|uri| uri.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_drawn_locally_if_any_requestor_has_the_local_backend() {
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
