//! Operators, which v2 calls MVPDs.

use serde::{Deserialize, Serialize};

use crate::trial::TrialLimits;

/// An operator: its members in the configuration response, and its behavior in the mock.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Mvpd {
    pub id: String,
    pub display_name: String,
    pub logo_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_temp_pass: Option<bool>,
    /// Whether it is a proxied operator.
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
    /// The operator's id on the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform_mapping_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enforce_platform_permissions: Option<bool>,
    /// Shown only by the control API.
    pub behavior: Behavior,
}

/// The members for single sign-on of a platform.
pub(crate) const PLATFORM_MEMBERS: [&str; 5] = [
    "enablePlatformServices",
    "boardingStatus",
    "displayInPlatformPicker",
    "platformMappingId",
    "enforcePlatformPermissions",
];

/// The behavior of an operator in the mock.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Behavior {
    /// The service providers that it is integrated with; by default all.
    pub service_providers: Option<Vec<String>>,
    /// The limits of its trials, if it is a TempPass.
    pub trial: Option<TrialLimits>,
    /// Whether it has a logout page.
    pub has_logout: bool,
    /// The degradation rule by which the provider bypasses the operator.
    pub degradation: Option<Degradation>,
    /// Whether the provider generates its decisions.
    pub is_dummy: bool,
}

/// The degradation rules, by the provider's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Degradation {
    /// Every viewer is logged in and may watch everything.
    #[serde(rename = "AuthNAll")]
    AllLoggedIn,
    /// Every viewer may watch everything.
    #[serde(rename = "AuthZAll")]
    AllPermitted,
    /// No viewer may watch anything.
    #[serde(rename = "AuthZNone")]
    NonePermitted,
}

impl Default for Behavior {
    fn default() -> Self {
        Self { service_providers: None, trial: None, has_logout: true, degradation: None, is_dummy: false }
    }
}

impl Mvpd {
    /// An operator with this id and display name.
    pub(crate) fn named(id: &str, display_name: &str) -> Self {
        let logo_url = format!("https://logos.example/{id}.png");
        Self { id: id.to_owned(), display_name: display_name.to_owned(), logo_url, ..Self::default() }
    }

    /// The same operator, with this id on the platform.
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

    /// A TempPass with its own trials.
    pub(crate) fn temp_pass(id: &str, limits: TrialLimits) -> Self {
        let behavior = Behavior { trial: Some(limits), ..Behavior::default() };
        let named = Self::named(id, id);
        Self { is_temp_pass: Some(true), auth_per_aggregator: Some(true), behavior, ..named }
    }

    /// Returns whether it is integrated with the service provider.
    pub(crate) fn serves(&self, service_provider: &str) -> bool {
        let listed = self.behavior.service_providers.as_ref();
        listed.is_none_or(|listed| listed.iter().any(|one| one == service_provider))
    }

    /// Returns whether every viewer is logged in with it.
    pub(crate) fn is_open_to_all(&self) -> bool {
        self.behavior.degradation == Some(Degradation::AllLoggedIn)
    }
}
