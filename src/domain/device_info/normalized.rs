//! The normalized form, as devices in the field read it in `info.deviceInfo`. Names, order and the choice between null, 0 and
//! "" are those of the sample record in the source documents. The storage format is different (`format::device_info`).

use serde::{Deserialize, Serialize};

use super::{Version, base64_text};

/// The value of unknown texts that cannot be null.
pub(super) const UNKNOWN: &str = "Unknown";

/// The name of every display.
const DISPLAY_NAME: &str = "DISPLAY";

/// Normalized device information, as the provider returns it and as the record of a registration code contains it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NormalizedDeviceInfo {
    /// The type of the device, or `Unknown`. `type` in JSON.
    #[serde(rename = "type")]
    pub hardware_type: String,
    /// The model, or `Unknown`.
    pub model: String,
    /// The version of the device.
    pub version: Version,
    /// The hardware.
    pub hardware: Hardware,
    /// The operating system.
    pub operating_system: OperatingSystem,
    /// The browser, or the web view.
    pub browser: Browser,
    /// The screen.
    pub display: Display,
    /// The application on the device.
    pub application_id: Option<String>,
    /// The connection of the device.
    pub connection: NormalizedConnection,
}

/// The hardware of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hardware {
    /// The name, which is always the model.
    pub name: String,
    /// The vendor; `Unknown` unless the device sends it.
    pub vendor: String,
    /// The version of the device.
    pub version: Version,
    /// The manufacturer.
    pub manufacturer: Option<String>,
}

/// The operating system of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatingSystem {
    /// The name, or `Unknown`.
    pub name: String,
    /// The family.
    pub family: Option<String>,
    /// The vendor.
    pub vendor: Option<String>,
    /// The version.
    pub version: Version,
}

/// The browser of a device, or the web view that its application runs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Browser {
    /// The name; absent for an application without a browser.
    pub name: Option<String>,
    /// The vendor.
    pub vendor: Option<String>,
    /// The version.
    pub version: Version,
    /// The device's User-Agent.
    pub user_agent: Option<String>,
    /// The User-Agent of the request.
    pub original_user_agent: Option<String>,
}

/// The screen of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Display {
    /// Width in pixels, at most 2 147 483 647; 0 if unknown.
    pub width: u32,
    /// Height in pixels, at most 2 147 483 647; 0 if unknown.
    pub height: u32,
    /// Density in pixels per inch, at most 2 147 483 647; 0 if unknown.
    pub ppi: u32,
    /// Always `DISPLAY`.
    pub name: String,
    /// Always absent.
    pub vendor: Option<String>,
    /// Always absent.
    pub version: Option<Version>,
    /// Diagonal in inches, as the device sent it.
    pub diagonal_size: Option<String>,
}

/// The connection of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NormalizedConnection {
    /// The device's address.
    pub ip_address: Option<String>,
    /// The device's port, a number in text form.
    pub port: Option<String>,
    /// Whether the device connects over TLS; false if unknown.
    pub secure: bool,
    /// The kind of network.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

impl NormalizedDeviceInfo {
    /// Encodes compact JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // The typical size. Preallocating it avoids repeated copies.
        let mut json = Vec::with_capacity(1024);
        // Cannot fail: the writer is memory, and every key is a field's name.
        let _ = serde_json::to_writer(&mut json, self);
        String::from_utf8(json).unwrap_or_default()
    }

    /// Encodes the form that responses for registration codes contain: standard, padded base64 of the JSON.
    #[must_use]
    pub fn encode(&self) -> String {
        base64_text::encode(self.to_json().as_bytes())
    }
}

impl Default for Display {
    fn default() -> Self {
        Self {
            width: 0,
            height: 0,
            ppi: 0,
            name: DISPLAY_NAME.to_owned(),
            vendor: None,
            version: None,
            diagonal_size: None,
        }
    }
}
