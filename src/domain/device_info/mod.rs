//! Device information: what a device sends about itself, and its normalized form.
//!
//! | module | what it is for |
//! |---|---|
//! | `key`, `vocabulary`, `warning` | the keys, their listed values, and warnings about unexpected input |
//! | `wire`, `base64_text`, `json_reader`, `nesting` | base64 of a JSON object, read leniently and written strictly |
//! | `check` | the rules, the same for both faces |
//! | `version`, `normalized` | the normalized form, field by field as devices in the field read it |
//! | `normalize`, `operating_system`, `hardware` | explicit values first, then the User-Agent, then the connection |
//! | `user_agent` | facts derived from a User-Agent, cached |
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
pub use normalize::{Normalizer, ObservedConnection};
pub use normalized::{
    Browser, Display, Hardware, NormalizedConnection, NormalizedDeviceInfo, OperatingSystem,
};
pub use version::Version;
pub use warning::{Warning, WarningReason};

use crate::domain::error::Violation;

/// The maximum length of the wire form, in bytes of base64 text.
pub const ENCODED_MAX: usize = 64 * 1024;

/// The maximum length of a known key's value, in bytes of UTF-8.
pub const VALUE_MAX: usize = 1024;

/// The maximum length of a User-Agent, in bytes.
pub const USER_AGENT_MAX: usize = 2_048;

/// The maximum number of unknown keys.
pub const ADDITIONAL_MAX: usize = 64;

/// The maximum nesting depth of device information. The object itself is the first level, and each object or array in it
/// is one more: `{"a":1}` has one level, `{"a":{"b":[]}}` has three. [`DeviceInfo::additional`] represents the object
/// itself, so it counts as the first level too, and both faces have the same limit.
pub const NESTING_MAX: usize = 16;

/// The explicit values that a device sends about itself, unmodified.
///
/// `None` is an absent key. An empty text is kept, although normalization treats it as absent. `model` and `os_name` are
/// required: [`DeviceInfo::decode`] and [`DeviceInfo::validate`] enforce that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceInfo {
    /// The type of the device; listed values.
    pub primary_hardware_type: Option<String>,
    /// The manufacturer's name of the model. Required.
    pub model: Option<String>,
    /// The version of the device.
    pub version: Option<String>,
    /// The manufacturer of the device.
    pub manufacturer: Option<String>,
    /// The vendor of the device.
    pub vendor: Option<String>,
    /// The operating system; listed values. Required.
    pub os_name: Option<String>,
    /// The family of the operating system; listed values.
    pub os_family: Option<String>,
    /// The vendor of the operating system; the list is open.
    pub os_vendor: Option<String>,
    /// The version of the operating system.
    pub os_version: Option<String>,
    /// The browser; listed values.
    pub browser_name: Option<String>,
    /// The vendor of the browser; listed values.
    pub browser_vendor: Option<String>,
    /// The version of the browser.
    pub browser_version: Option<String>,
    /// The device's own User-Agent, which a server that calls for the device cannot send as a header.
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
    /// The kind of network; devices spell it differently.
    pub connection_type: Option<String>,
    /// The application on the device.
    pub application_id: Option<String>,
    /// Whether the device connects over TLS.
    pub connection_secure: Option<bool>,
    /// Unknown keys with their unmodified values. They are forwarded and not normalized.
    pub additional: serde_json::Map<String, serde_json::Value>,
}

impl DeviceInfo {
    /// Decodes the wire form: base64 of a JSON object, as devices send it.
    ///
    /// Also accepts the URL-safe alphabet, missing padding, line breaks, spaces that a query decoder made of `+`, and `%2B`,
    /// `%2F` and `%3D` that were not decoded. Numbers and booleans in place of text are converted to text, and nulls are
    /// absent keys. The last value of a repeated key is used, and a key takes precedence over its alias.
    ///
    /// # Errors
    /// All broken rules together: no base64 of a JSON object, a limit of this module exceeded, a known key with an array or
    /// an object, a control character in a known value, no `model`, no `osName`. The field is the key's name on the wire, or
    /// empty for the whole payload.
    pub fn decode(x_device_info: &str) -> Result<(Self, Vec<Warning>), Vec<Violation>> {
        wire::decode(x_device_info)
    }

    /// Applies the rules of [`DeviceInfo::decode`] to typed values.
    ///
    /// # Errors
    /// All broken rules together. In addition to those of `decode`: a known key in `additional`, which would shadow its own
    /// field.
    pub fn validate(&self, naming: FieldNaming) -> Result<Vec<Warning>, Vec<Violation>> {
        check::check(self, naming)
    }

    /// Encodes the wire form: padded base64 in the standard alphabet, of compact JSON. Known keys come first, in the order of
    /// [`Key::ALL`], then the unknown keys by name, so that equal values give equal text. A value that
    /// [`DeviceInfo::validate`] accepts decodes to itself.
    #[must_use]
    pub fn encode(&self) -> String {
        wire::encode(self)
    }

    /// Encodes the JSON of the wire form. Equal values give equal text.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        wire::json(self)
    }
}
