//! Operators, which v2 calls MVPDs.

use serde::{Deserialize, Serialize};

use crate::trial::Rule;

/// An operator: what the configuration shows of it, and how it behaves here.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Mvpd {
    pub id: String,
    pub display_name: String,
    pub logo_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_temp_pass: Option<bool>,
    /// Whether it is reached through another operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_proxy: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_per_aggregator: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_per_browser_session: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passive_authn_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_platform_services: Option<bool>,
    /// `SUPPORTED` or `PICKER`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boarding_status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_in_platform_picker: Option<bool>,
    /// The platform's name of the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform_mapping_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enforce_platform_permissions: Option<bool>,
    /// Only the control API shows it.
    pub behavior: Behavior,
}

/// The members that single sign-on of a platform needs.
pub(crate) const PLATFORM_MEMBERS: [&str; 5] = [
    "enablePlatformServices",
    "boardingStatus",
    "displayInPlatformPicker",
    "platformMappingId",
    "enforcePlatformPermissions",
];

/// How an operator behaves here.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Behavior {
    /// The service providers that it is integrated with; all, when it is absent.
    pub service_providers: Option<Vec<String>>,
    /// What it allows, if it is a TempPass.
    pub trial: Option<Rule>,
    /// Whether it has a page to log out at.
    pub has_logout: bool,
    /// Whether the provider lets viewers pass without asking it.
    pub degradation: Option<Degradation>,
    /// Whether its decisions are made up by the provider.
    pub is_dummy: bool,
}

/// What a degraded operator is not asked about, by the provider's name of the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Degradation {
    /// Everybody is logged in, and may watch everything.
    #[serde(rename = "AuthNAll")]
    AllLoggedIn,
    /// Everybody may watch everything.
    #[serde(rename = "AuthZAll")]
    AllPermitted,
    /// Nobody may watch anything.
    #[serde(rename = "AuthZNone")]
    NonePermitted,
}

impl Default for Behavior {
    fn default() -> Self {
        Self { service_providers: None, trial: None, has_logout: true, degradation: None, is_dummy: false }
    }
}

impl Mvpd {
    /// An operator with a name of its own.
    pub(crate) fn named(id: &str, display_name: &str) -> Self {
        let logo_url = format!("https://logos.example/{id}.png");
        Self { id: id.to_owned(), display_name: display_name.to_owned(), logo_url, ..Self::default() }
    }

    /// The same on a platform that knows it under this id.
    pub(crate) fn on_platform(self, boarding_status: &str, mapping_id: &str) -> Self {
        Self {
            enable_platform_services: Some(true),
            boarding_status: Some(boarding_status.to_owned()),
            display_in_platform_picker: Some(true),
            platform_mapping_id: Some(mapping_id.to_owned()),
            enforce_platform_permissions: Some(false),
            ..self
        }
    }

    /// A TempPass, which counts a device's trial apart from all others'.
    pub(crate) fn temp_pass(id: &str, rule: Rule) -> Self {
        let behavior = Behavior { trial: Some(rule), ..Behavior::default() };
        let named = Self::named(id, id);
        Self { is_temp_pass: Some(true), auth_per_aggregator: Some(true), behavior, ..named }
    }

    /// Whether it is integrated with the service provider.
    pub(crate) fn serves(&self, service_provider: &str) -> bool {
        let listed = self.behavior.service_providers.as_ref();
        listed.is_none_or(|listed| listed.iter().any(|one| one == service_provider))
    }

    /// Whether everybody is logged in with it.
    pub(crate) fn is_open_to_all(&self) -> bool {
        self.behavior.degradation == Some(Degradation::AllLoggedIn)
    }
}
