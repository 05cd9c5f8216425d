//! The upstream's configuration of a requestor.

use crate::domain::id::MvpdId;

/// A requestor at the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestorConfiguration {
    /// The requestor's id.
    pub id: String,
    /// Its display name; empty if it has none.
    pub name: String,
    /// The domains from which a login may start.
    pub domains: Vec<String>,
    /// The operators, in the upstream's order.
    pub mvpds: Vec<Mvpd>,
}

/// An operator that a viewer can log in with, or a TempPass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mvpd {
    pub id: MvpdId,
    /// The name for pickers; the id if it has none.
    pub display_name: String,
    /// The logo for pickers; empty if it has none.
    pub logo_url: String,
    /// Whether it is a TempPass, which has no login.
    pub is_temp_pass: bool,
    /// Whether it is reached through another operator.
    pub is_proxy: bool,
    /// Whether each requestor requires its own login.
    pub auth_per_aggregator: bool,
    /// Whether a login can be detected without viewer interaction.
    pub passive_authn_enabled: bool,
    /// Whether a login ends with the browser session.
    pub auth_per_browser_session: bool,
    /// The settings for single sign-on of the device's platform.
    pub platform_sso: PlatformSso,
}

/// An operator's settings for platform single sign-on; each absent if the upstream does not send it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlatformSso {
    /// Whether single sign-on is enabled.
    pub is_enabled: Option<bool>,
    /// `SUPPORTED` or `PICKER`.
    pub boarding_status: Option<String>,
    /// Whether the platform's own picker shows the operator.
    pub in_picker: Option<bool>,
    /// The operator's id on the platform.
    pub mapping_id: Option<String>,
    /// Whether the viewer's permission on the platform is required.
    pub enforces_permissions: Option<bool>,
}
