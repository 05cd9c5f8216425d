//! Who asks.

use crate::domain::{
    address::Address,
    id::{DeviceId, Place},
    secret::SecretText,
};

/// The device whose login a call is about, as an upstream is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntitlementSubject {
    /// Environment and requestor.
    pub place: Place,
    /// What the device is known by.
    pub device_id: DeviceId,
    /// What it says of itself, in the wire form: base64 of JSON.
    pub device_info: String,
    /// Its User-Agent; empty where it is not known.
    pub user_agent: String,
    /// Its address.
    pub address: Option<Address>,
    /// By what a promotional TempPass knows the viewer beside the device: a JSON object.
    pub temp_pass_identity: Option<SecretText>,
    pub hints: DeviceHints,
}

/// The longest of them, in bytes.
pub(crate) const HINT_MAX: usize = 4_096;

/// What a client sends for the provider alone, and passes through here as it is (reference of the device flow, section 1.0).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceHints {
    /// A visitor's id in the provider's analytics.
    pub visitor_id: Option<SecretText>,
    /// A token of the platform's single sign-on.
    pub subject_token: Option<SecretText>,
    /// The same of Roku's.
    pub roku_connect_token: Option<SecretText>,
}
