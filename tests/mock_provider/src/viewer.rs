//! The headers of v2 that identify devices and viewers.

use serde_json::{Map, Value};

use crate::{
    answer::Answer,
    call::Call,
    device::{self, Device},
    problem,
};

/// The decoded device identifier.
pub(crate) fn device_id(call: &Call) -> Result<String, Answer> {
    let header = call.header("ap-device-identifier").unwrap_or_default();
    let decoded = header.strip_prefix("fingerprint ").and_then(|text| device::decode(text.trim()));
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|text| !text.is_empty());
    text.ok_or_else(|| problem::INVALID_DEVICE_IDENTIFIER.answer())
}

/// The device information.
pub(crate) fn device(call: &Call) -> Result<Device, Answer> {
    let user_agent = call.header("user-agent");
    let header = call.header("x-device-info");
    let device =
        header.and_then(|encoded| Device::parse(encoded, user_agent, &call.address(), call.peer.port()));
    device.ok_or_else(|| problem::INVALID_DEVICE_INFO.answer())
}

/// The viewer's identity for promotional trials: the email member of the header, or without it the whole object. `None` if the
/// header is absent or has no object.
pub(crate) fn identity(call: &Call) -> Option<String> {
    let decoded = device::decode(call.header("ap-temppass-identity")?)?;
    let identity: Map<String, Value> = serde_json::from_slice(&decoded).ok()?;
    match identity.get("email") {
        Some(email) => email.as_str().filter(|email| !email.is_empty()).map(str::to_owned),
        None => (!identity.is_empty()).then(|| Value::Object(identity).to_string()),
    }
}
