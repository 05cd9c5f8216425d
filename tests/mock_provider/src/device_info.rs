//! Device information as devices send it (reference, section 4).

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DeviceInfo {
    pub primary_hardware_type: Text,
    pub model: Text,
    pub version: Text,
    pub manufacturer: Text,
    pub vendor: Text,
    pub os_name: Text,
    pub os_family: Text,
    pub os_vendor: Text,
    pub os_version: Text,
    pub browser_name: Text,
    pub browser_vendor: Text,
    pub browser_version: Text,
    pub user_agent: Text,
    pub display_width: Text,
    pub display_height: Text,
    pub display_ppi: Text,
    pub diagonal_screen_size: Text,
    pub connection_ip: Text,
    pub connection_port: Text,
    pub connection_secure: Text,
    pub connection_type: Text,
    pub application_id: Text,
}

impl DeviceInfo {
    /// Parses a JSON object and nothing else, because serde would read an array as the members in order.
    pub(crate) fn parse(json: &[u8]) -> Option<Self> {
        let is_object = json.trim_ascii_start().starts_with(b"{");
        is_object.then(|| serde_json::from_slice(json).ok()).flatten()
    }
}

/// A value as text: devices send numbers as numbers and as strings.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "Value")]
pub(crate) struct Text(Option<String>);

impl From<Value> for Text {
    fn from(value: Value) -> Self {
        Self(match value {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        })
    }
}

impl Text {
    /// The text, if there is any.
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The text as a number, or 0.
    pub(crate) fn number(&self) -> u32 {
        self.get().and_then(|text| text.parse().ok()).unwrap_or_default()
    }
}
