//! Device information: what a device tells about itself, and what is made of it.
//!
//! | module | what it is for |
//! |---|---|
//! | `key`, `vocabulary`, `warning` | the keys, their listed values, and what is said about oddities |
//! | `wire`, `base64_text`, `json_reader`, `nesting` | base64 of a JSON object, read generously and written strictly |
//! | `check` | the rules, the same for both faces |
//! | `version`, `normalized` | the normalized form, field by field as devices in the field read it |
//! | `normalize`, `operating_system`, `hardware` | explicit values first, then the User-Agent, then the connection |
//! | `user_agent` | what a User-Agent tells, remembered |
//!
//! The facts come from reference section 4 and from the sample record of the source documents.

mod base64_text;
mod check;
mod hardware;
mod json_reader;
mod key;
mod nesting;
mod normalize;
mod normalized;
mod operating_system;
mod user_agent;
mod version;
mod vocabulary;
mod warning;
mod wire;

#[cfg(test)]
mod tests;

pub use base64_text::decode as decode_base64;
pub use key::{FieldNaming, Key};
pub use normalize::{Connection, Normalizer};
pub use normalized::{
    Browser, Display, Hardware, NormalizedConnection, NormalizedDeviceInfo, OperatingSystem,
};
pub use version::Version;
pub use warning::{Warning, WarningReason};

use crate::domain::error::Violation;

/// The longest wire form, in bytes of base64 text.
pub const ENCODED_MAX: usize = 64 * 1024;

/// The longest value of a known key, in bytes of UTF-8.
pub const VALUE_MAX: usize = 1024;

/// The longest User-Agent that is looked at, in bytes.
pub const USER_AGENT_MAX: usize = 2_048;

/// How many keys beside the known ones are taken.
pub const ADDITIONAL_MAX: usize = 64;

/// How deep device information may nest. The object itself is the first level, and each object or array in
/// it is one more: `{"a":1}` has one level, `{"a":{"b":[]}}` has three. [`DeviceInfo::additional`] stands for
/// the object itself, so it counts as the first level too, and both faces draw the line at the same place.
pub const NESTING_MAX: usize = 16;

/// What a device tells about itself: the explicit values, as they came.
///
/// `None` is a key that is not there. An empty text is kept, though the normalization takes it as absent.
/// `model` and `os_name` are required: [`DeviceInfo::decode`] and [`DeviceInfo::validate`] insist on them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceInfo {
    /// What kind of thing the device is; listed values.
    pub primary_hardware_type: Option<String>,
    /// The model as its maker names it. Required.
    pub model: Option<String>,
    /// The version of the device.
    pub version: Option<String>,
    /// Who made the device.
    pub manufacturer: Option<String>,
    /// Who sells the device.
    pub vendor: Option<String>,
    /// The operating system; listed values. Required.
    pub os_name: Option<String>,
    /// The family of the operating system; listed values.
    pub os_family: Option<String>,
    /// Who makes the operating system; the list is open.
    pub os_vendor: Option<String>,
    /// The version of the operating system.
    pub os_version: Option<String>,
    /// The browser; listed values.
    pub browser_name: Option<String>,
    /// Who makes the browser; listed values.
    pub browser_vendor: Option<String>,
    /// The version of the browser.
    pub browser_version: Option<String>,
    /// The device's own User-Agent: what a server that speaks for the device can't send as a header.
    pub user_agent: Option<String>,
    /// Width of the screen in pixels.
    pub display_width: Option<String>,
    /// Height of the screen in pixels.
    pub display_height: Option<String>,
    /// Density of the screen in pixels per inch.
    pub display_ppi: Option<String>,
    /// Diagonal of the screen in inches.
    pub diagonal_screen_size: Option<String>,
    /// The device's address.
    pub connection_ip: Option<String>,
    /// The device's port.
    pub connection_port: Option<String>,
    /// The kind of network, in no common spelling.
    pub connection_type: Option<String>,
    /// The application on the device.
    pub application_id: Option<String>,
    /// Whether the device connects over TLS.
    pub connection_secure: Option<bool>,
    /// Keys beside the known ones, with their values as they came. They travel on, and are not normalized.
    pub additional: serde_json::Map<String, serde_json::Value>,
}

impl DeviceInfo {
    /// Reads the wire form: base64 of a JSON object, as devices send it.
    ///
    /// Taken as well: the URL-safe alphabet, missing padding, line breaks, spaces where a query turned `+`
    /// into one, `%2B`, `%2F` and `%3D` that nobody decoded; numbers and booleans for text, which are kept as
    /// text; nulls, which are absent keys. A key that stands there twice counts with its last value, and an
    /// alias gives way to the key it stands for.
    ///
    /// # Errors
    /// Every rule that is broken, at once: no base64 of a JSON object, over a bound of this module, a known
    /// key with an array or an object, a control character in a known value, no `model`, no `osName`. The
    /// field is the key as it is on the wire, or empty for the payload as a whole.
    pub fn decode(x_device_info: &str) -> Result<(Self, Vec<Warning>), Vec<Violation>> {
        wire::decode(x_device_info)
    }

    /// Applies the rules of [`DeviceInfo::decode`] to values that came typed.
    ///
    /// # Errors
    /// Every rule that is broken, at once; beside those of `decode`, a known key in `additional`, where it
    /// would shadow its own field.
    pub fn validate(&self, naming: FieldNaming) -> Result<Vec<Warning>, Vec<Violation>> {
        check::check(self, naming)
    }

    /// Writes the wire form: base64 in the standard alphabet, padded, of compact JSON. Known keys come first,
    /// in the order of [`Key::ALL`], then the others by name, so that equal values give equal text.
    /// What [`DeviceInfo::validate`] accepts reads back as the same value.
    #[must_use]
    pub fn encode(&self) -> String {
        wire::encode(self)
    }

    /// The JSON inside the wire form; as there, equal values give equal text.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        wire::json(self)
    }
}
