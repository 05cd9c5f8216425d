//! The normalized form, as devices in the field read it in `info.deviceInfo`: names, order and the choice
//! between null, 0 and "" are those of the sample record in the source documents.
//! A store keeps it in a form of its own (`format::device_info`).

use serde::{Deserialize, Serialize};

use super::{Version, base64_text};

/// Stands where the form has no null and nothing is known.
pub(super) const UNKNOWN: &str = "Unknown";

/// What the form calls every display.
const DISPLAY_NAME: &str = "DISPLAY";

/// Device information as the provider understands it and as a registration code keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NormalizedDeviceInfo {
    /// What kind of thing the device is; `Unknown` where nothing tells. `type` in JSON.
    #[serde(rename = "type")]
    pub hardware_type: String,
    /// The model; `Unknown` where nothing tells.
    pub model: String,
    /// The version of the device.
    pub version: Version,
    /// The hardware.
    pub hardware: Hardware,
    /// The operating system.
    pub operating_system: OperatingSystem,
    /// The browser, or what embeds one.
    pub browser: Browser,
    /// The screen.
    pub display: Display,
    /// The application on the device.
    pub application_id: Option<String>,
    /// The connection that the device came over.
    pub connection: NormalizedConnection,
}

/// The hardware of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hardware {
    /// The name: always the model.
    pub name: String,
    /// Who sells it; `Unknown` unless the device says.
    pub vendor: String,
    /// The version of the device.
    pub version: Version,
    /// Who made it.
    pub manufacturer: Option<String>,
}

/// The operating system of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatingSystem {
    /// The name; `Unknown` where nothing tells.
    pub name: String,
    /// The family.
    pub family: Option<String>,
    /// Who makes it.
    pub vendor: Option<String>,
    /// The version.
    pub version: Version,
}

/// The browser of a device, or the web view that its application runs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Browser {
    /// The name; none for an application without a browser.
    pub name: Option<String>,
    /// Who makes it.
    pub vendor: Option<String>,
    /// The version.
    pub version: Version,
    /// The User-Agent that speaks for the device.
    pub user_agent: Option<String>,
    /// The User-Agent that came with the request.
    pub original_user_agent: Option<String>,
}

/// The screen of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Display {
    /// Width in pixels, at most 2 147 483 647; 0 where it is not known.
    pub width: u32,
    /// Height in pixels, with the same bound; 0 where it is not known.
    pub height: u32,
    /// Density in pixels per inch, with the same bound; 0 where it is not known.
    pub ppi: u32,
    /// Always `DISPLAY`.
    pub name: String,
    /// Never known.
    pub vendor: Option<String>,
    /// Never known.
    pub version: Option<Version>,
    /// Diagonal in inches, as the device wrote it.
    pub diagonal_size: Option<String>,
}

/// The connection that a device came over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NormalizedConnection {
    /// The device's address.
    pub ip_address: Option<String>,
    /// The device's port: a number, but text in the form.
    pub port: Option<String>,
    /// Whether the device came over TLS; false where it is not known.
    pub secure: bool,
    /// The kind of network.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

impl NormalizedDeviceInfo {
    /// The form as compact JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // About what it takes: to grow step by step would copy it several times.
        let mut json = Vec::with_capacity(1024);
        // Writing to memory can't fail, and every key is a field's name, so nothing is ever lost here.
        let _ = serde_json::to_writer(&mut json, self);
        String::from_utf8(json).unwrap_or_default()
    }

    /// The form as a registration code's answer carries it: base64, standard and padded, of its JSON.
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
