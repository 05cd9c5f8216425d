//! Conversion of device information from and to the provider's formats.

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

/// Returns the wire form of a request's device information. If there is none, derives it from the User-Agent.
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

/// Parses normalized device information that the provider sent as JSON.
pub(super) fn normalized_from(json: &str) -> Option<NormalizedDeviceInfo> {
    // JSON in the documented form can be decoded directly.
    serde_json::from_str(json)
        .ok()
        .or_else(|| serde_json::from_str(json).ok().map(|value| normalized(&value)))
}

/// Reads normalized device information of the provider. Missing fields are unknown.
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
            // A string in the provider's pages, an object in its OpenAPI file.
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
