//! What the provider says of a device, and what is said to it.

use serde_json::Value;

use super::json::{number, text};
use crate::domain::{
    device_info::{
        Browser, Display, Hardware, NormalizedConnection, NormalizedDeviceInfo, Normalizer,
        ObservedConnection, OperatingSystem, Version,
    },
    registration_code::RegistrationRequest,
};

const UNKNOWN: &str = "Unknown";

/// The wire form of a request's device; of one that says nothing of itself, what its User-Agent tells.
pub(super) fn wire_form(request: &RegistrationRequest, normalizer: &Normalizer) -> String {
    match &request.device_info {
        Some(device_info) => device_info.encode(),
        None => {
            let connection =
                ObservedConnection::new(&request.user_agent, request.device_ip, request.device_port);
            normalizer.guess(&connection, &request.legacy.device_type).encode()
        }
    }
}

/// The normalized form that the provider sent as JSON, if it is any.
pub(super) fn normalized_from(json: &str) -> Option<NormalizedDeviceInfo> {
    // As documented it needs no second look.
    serde_json::from_str(json)
        .ok()
        .or_else(|| serde_json::from_str(json).ok().map(|value| normalized(&value)))
}

/// The normalized form that the provider sent; what is missing is as if nothing were known.
pub(super) fn normalized(device: &Value) -> NormalizedDeviceInfo {
    let null = Value::Null;
    let part = |key: &str| device.get(key).unwrap_or(&null);
    let known = |object: &Value, key: &str| text(object, key).unwrap_or_else(|| UNKNOWN.to_owned());
    let (hardware, system, browser) = (part("hardware"), part("operatingSystem"), part("browser"));
    let (display, connection) = (part("display"), part("connection"));
    NormalizedDeviceInfo {
        hardware_type: known(device, "type"),
        model: known(device, "model"),
        version: version(device),
        hardware: Hardware {
            name: known(hardware, "name"),
            vendor: known(hardware, "vendor"),
            version: version(hardware),
            manufacturer: text(hardware, "manufacturer"),
        },
        operating_system: OperatingSystem {
            name: known(system, "name"),
            family: text(system, "family"),
            vendor: text(system, "vendor"),
            version: version(system),
        },
        browser: Browser {
            name: text(browser, "name"),
            vendor: text(browser, "vendor"),
            version: version(browser),
            user_agent: text(browser, "userAgent"),
            original_user_agent: text(browser, "originalUserAgent"),
        },
        display: Display {
            width: size(display, "width"),
            height: size(display, "height"),
            ppi: size(display, "ppi"),
            diagonal_size: text(display, "diagonalSize"),
            ..Display::default()
        },
        application_id: text(device, "applicationId"),
        connection: NormalizedConnection {
            // The pages have a text here, the OpenAPI file an object.
            ip_address: text(connection, "ipAddress")
                .or_else(|| text(connection.get("ipAddress")?, "hostAddress")),
            port: text(connection, "port"),
            secure: connection.get("secure").and_then(Value::as_bool).unwrap_or_default(),
            kind: text(connection, "type"),
        },
    }
}

fn version(object: &Value) -> Version {
    let null = Value::Null;
    let version = object.get("version").unwrap_or(&null);
    Version {
        major: size(version, "major"),
        minor: size(version, "minor"),
        patch: size(version, "patch"),
        profile: text(version, "profile").unwrap_or_default(),
    }
}

fn size(object: &Value, key: &str) -> u32 {
    u32::try_from(number(object, key).unwrap_or_default()).unwrap_or(i32::MAX.unsigned_abs())
}
