//! The device that an entitlement call is about.

use crate::domain::{
    address::Address,
    id::{DeviceId, Place},
    secret::SecretText,
};

/// The device whose login a call is about, with everything that an upstream call needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntitlementSubject {
    /// Environment and requestor.
    pub place: Place,
    /// The device's id.
    pub device_id: DeviceId,
    /// Its device information, in the wire form: base64 of JSON.
    pub device_info: String,
    /// Its User-Agent; empty if unknown.
    pub user_agent: String,
    /// Its address.
    pub address: Option<Address>,
    /// The viewer's identity for promotional TempPasses: a JSON object.
    pub temp_pass_identity: Option<SecretText>,
    pub hints: DeviceHints,
}

/// The maximum length of each hint, in bytes.
pub(crate) const HINT_MAX: usize = 4_096;

/// Values that a client sends for the provider only. passbridge forwards them unmodified (reference of the device flow,
/// section 1.0).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceHints {
    /// The visitor id of the provider's analytics.
    pub visitor_id: Option<SecretText>,
    /// The token of the platform's single sign-on.
    pub subject_token: Option<SecretText>,
    /// The token of Roku's single sign-on.
    pub roku_connect_token: Option<SecretText>,
}
