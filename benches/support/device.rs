//! The device of the source documents, as in the tests: a Fire TV with little device information.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::Result;

const SAMPLE: &str = include_str!("../../tests/golden/device_info/fire_tv_sample_derived.json");

/// A placeholder for the device id of each call. It is as long as the last group of a UUID, in which it is also used.
pub const DEVICE_ID: &str = "ZGV2aWQtMDAz";

/// The id of the device with this number, as long as [`DEVICE_ID`].
pub fn device_id(number: u64) -> String {
    format!("{number:0width$x}", width = DEVICE_ID.len())
}

/// The sample.
pub struct Device(Value);

impl Device {
    /// Reads the sample.
    pub fn sample() -> Result<Self> {
        Ok(Self(serde_json::from_str(SAMPLE)?))
    }

    /// The device information, in the format of the header `X-Device-Info`.
    pub fn x_device_info(&self) -> String {
        STANDARD.encode(self.0["device_info"].to_string())
    }

    /// Another property.
    pub fn property(&self, key: &str) -> &Value {
        &self.0[key]
    }

    pub fn user_agent(&self) -> &str {
        self.property("user_agent").as_str().unwrap_or_default()
    }
}
