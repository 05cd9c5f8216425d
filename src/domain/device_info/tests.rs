//! Tests of decoding, encoding and normalizing device information.

mod devices;
mod golden;
mod normalizing;
mod reading;
mod validating;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{DeviceInfo, Warning, WarningReason};
use crate::domain::error::Violation;

fn decode_json(json: &str) -> Result<(DeviceInfo, Vec<Warning>), Vec<Violation>> {
    DeviceInfo::decode(&STANDARD.encode(json))
}

/// Decodes `rest` together with the two required keys.
fn decode_with(rest: &str) -> (DeviceInfo, Vec<Warning>) {
    decode_json(&format!(r#"{{"model":"AFTMM","osName":"Android",{rest}}}"#)).expect("a valid payload")
}

fn reasons(warnings: &[Warning]) -> Vec<(&str, WarningReason)> {
    warnings.iter().map(|warning| (warning.field.as_str(), warning.reason)).collect()
}

fn fields(violations: &[Violation]) -> Vec<&str> {
    violations.iter().map(|violation| violation.field.as_str()).collect()
}

fn minimal() -> DeviceInfo {
    DeviceInfo { model: Some("AFTMM".into()), os_name: Some("Android".into()), ..DeviceInfo::default() }
}
