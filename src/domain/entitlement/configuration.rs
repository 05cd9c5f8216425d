//! What an upstream has configured for a requestor.

use crate::domain::id::MvpdId;

/// A requestor as the upstream knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestorConfiguration {
    /// The requestor's id.
    pub id: String,
    /// Its name for people; empty where there is none.
    pub name: String,
    /// The domains that a login may start from.
    pub domains: Vec<String>,
    /// The operators, in the upstream's order.
    pub mvpds: Vec<Mvpd>,
}

/// An operator that a viewer may log in with, or a TempPass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mvpd {
    pub id: MvpdId,
    /// The name that a picker shows; the id where there is none.
    pub display_name: String,
    /// The logo that a picker shows; empty where there is none.
    pub logo_url: String,
    /// Whether it is a TempPass, which nobody logs in with.
    pub is_temp_pass: bool,
    /// Whether it is reached through another operator.
    pub is_proxy: bool,
    /// Whether each requestor needs a login of its own.
    pub auth_per_aggregator: bool,
    /// Whether a login may be found without asking the viewer.
    pub passive_authn_enabled: bool,
    /// Whether a login ends with the browser's session.
    pub auth_per_browser_session: bool,
    /// What single sign-on of the device's platform needs.
    pub platform_sso: PlatformSso,
}

/// What single sign-on of a platform needs of an operator; nothing where the upstream says nothing of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlatformSso {
    /// Whether it is enabled.
    pub is_enabled: Option<bool>,
    /// `SUPPORTED` or `PICKER`.
    pub boarding_status: Option<String>,
    /// Whether the platform's own picker shows the operator.
    pub in_picker: Option<bool>,
    /// The operator's id at the platform.
    pub mapping_id: Option<String>,
    /// Whether the viewer's permission at the platform is insisted on.
    pub enforces_permissions: Option<bool>,
}
