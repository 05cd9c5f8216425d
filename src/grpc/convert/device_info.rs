//! The messages of `DeviceInfoService`, and the device information in other messages.

use prost_types::{Struct, Value, value::Kind};
use serde_json::{Map, Number, Value as Json};

use super::{address, port, user_agent};
use crate::{
    domain::{
        address::Address,
        device_info::{
            DeviceInfo, FieldNaming, NESTING_MAX, NormalizedDeviceInfo, ObservedConnection, Version, Warning,
            WarningReason,
        },
        error::{Result, Violation, Violations},
    },
    proto::v1::{self, normalize_device_info_request::Device, normalized_device_info as message},
    service::device_info::HashAlgorithm,
};

/// The maximum length of an identifier to hash, in bytes.
const HASH_VALUE_MAX: usize = 1_024;

/// Valid device information with its warnings, or its violations.
pub(super) type CheckedDeviceInfo = std::result::Result<(DeviceInfo, Vec<Warning>), Vec<Violation>>;

/// A valid request to normalize device information.
pub(in crate::grpc) struct Normalize {
    pub(in crate::grpc) device_info: DeviceInfo,
    pub(in crate::grpc) warnings: Vec<Warning>,
    user_agent: String,
    ip: Option<Address>,
    port: Option<u16>,
}

impl Normalize {
    pub(in crate::grpc) fn connection(&self) -> ObservedConnection<'_> {
        let user_agent = Some(self.user_agent.as_str()).filter(|text| !text.is_empty());
        ObservedConnection { user_agent, ip: self.ip, port: self.port }
    }
}

pub(in crate::grpc) fn normalize(message: v1::NormalizeDeviceInfoRequest) -> Result<Normalize> {
    let mut violations = Violations::default();
    let device = message.device.map(|device| match device {
        Device::DeviceInfo(message) => typed(message),
        Device::XDeviceInfo(text) => wire(&text),
    });
    let device = violations.take_all(device.unwrap_or_else(|| Err(vec![missing()])));
    let user_agent = user_agent(&mut violations, message.user_agent);
    let ip = address(&mut violations, "device_ip", &message.device_ip);
    let port = port(&mut violations, "device_port", message.device_port);
    match device {
        Some((device_info, warnings)) if violations.is_empty() => {
            Ok(Normalize { device_info, warnings, user_agent, ip, port })
        }
        _ => Err(violations.into_error()),
    }
}

pub(in crate::grpc) fn encode(message: v1::EncodeDeviceInfoRequest) -> Result<(DeviceInfo, Vec<Warning>)> {
    let mut violations = Violations::default();
    let required =
        || Err(vec![Violation::new("device_info", "is required: the device information to encode")]);
    violations
        .take_all(message.device_info.map_or_else(required, typed))
        .ok_or_else(|| violations.into_error())
}

pub(in crate::grpc) fn decode(message: &v1::DecodeDeviceInfoRequest) -> Result<(DeviceInfo, Vec<Warning>)> {
    let mut violations = Violations::default();
    violations.take_all(wire(&message.x_device_info)).ok_or_else(|| violations.into_error())
}

pub(in crate::grpc) fn hash(message: &v1::HashIdentifierRequest) -> Result<HashAlgorithm> {
    let mut violations = Violations::default();
    check_identifier(&mut violations, "value", &message.value);
    let algorithm = violations.take(hash_algorithm("algorithm", message.algorithm));
    match algorithm {
        Some(algorithm) if violations.is_empty() => Ok(algorithm),
        _ => Err(violations.into_error()),
    }
}

/// Checks that the identifier of a user is not empty and not too long.
pub(super) fn check_identifier(violations: &mut Violations, field: &str, text: &str) {
    if text.is_empty() {
        violations.add(field, "is required: the identifier to hash, such as an e-mail address");
    }
    violations.check_length(field, text, HASH_VALUE_MAX);
}

pub(super) fn hash_algorithm(field: &str, number: i32) -> std::result::Result<HashAlgorithm, Violation> {
    match v1::HashAlgorithm::try_from(number) {
        Ok(v1::HashAlgorithm::Unspecified | v1::HashAlgorithm::Sha256) => Ok(HashAlgorithm::Sha256),
        Ok(v1::HashAlgorithm::Sha512) => Ok(HashAlgorithm::Sha512),
        Err(_) => Err(Violation::new(
            field,
            format!("must be HASH_ALGORITHM_SHA256 (the default) or HASH_ALGORITHM_SHA512, but is {number}"),
        )),
    }
}

/// The violation of a request without a device.
pub(super) fn missing() -> Violation {
    Violation::new(
        "device",
        "is required: device_info, or x_device_info with the base64 that the device sent",
    )
}

/// Parses device information in the form in which devices send it.
pub(super) fn wire(text: &str) -> CheckedDeviceInfo {
    let within = |mut warning: Warning| {
        warning.field = format!("x_device_info.{}", warning.field);
        warning
    };
    match DeviceInfo::decode(text) {
        Ok((info, warnings)) => Ok((info, warnings.into_iter().map(within).collect())),
        Err(violations) => {
            Err(violations.into_iter().map(|violation| violation.within("x_device_info")).collect())
        }
    }
}

/// Parses device information from a typed message.
pub(super) fn typed(message: v1::DeviceInfo) -> CheckedDeviceInfo {
    let within = |mut warning: Warning| {
        warning.field = format!("device_info.{}", warning.field);
        warning
    };
    let additional = message.additional.map_or_else(|| Ok(Map::new()), |additional| object(additional, 1));
    let (additional, invalid) = match additional {
        Ok(additional) => (additional, None),
        Err(description) => (Map::new(), Some(Violation::new("additional", description))),
    };
    let info = DeviceInfo {
        primary_hardware_type: message.primary_hardware_type,
        model: message.model,
        os_name: message.os_name,
        os_family: message.os_family,
        os_vendor: message.os_vendor,
        browser_name: message.browser_name,
        browser_vendor: message.browser_vendor,
        version: message.version,
        manufacturer: message.manufacturer,
        vendor: message.vendor,
        os_version: message.os_version,
        browser_version: message.browser_version,
        user_agent: message.user_agent,
        display_width: message.display_width,
        display_height: message.display_height,
        display_ppi: message.display_ppi,
        diagonal_screen_size: message.diagonal_screen_size,
        connection_ip: message.connection_ip,
        connection_port: message.connection_port,
        connection_type: message.connection_type,
        application_id: message.application_id,
        connection_secure: message.connection_secure,
        additional,
    };
    match (info.validate(FieldNaming::Field), invalid) {
        (Ok(warnings), None) => Ok((info, warnings.into_iter().map(within).collect())),
        (validated, invalid) => {
            let violations = validated.err().into_iter().flatten().chain(invalid);
            Err(violations.map(|violation| violation.within("device_info")).collect())
        }
    }
}

/// Renders device information.
pub(in crate::grpc) fn device_info(info: DeviceInfo) -> v1::DeviceInfo {
    v1::DeviceInfo {
        primary_hardware_type: info.primary_hardware_type,
        model: info.model,
        os_name: info.os_name,
        os_family: info.os_family,
        os_vendor: info.os_vendor,
        browser_name: info.browser_name,
        browser_vendor: info.browser_vendor,
        version: info.version,
        manufacturer: info.manufacturer,
        vendor: info.vendor,
        os_version: info.os_version,
        browser_version: info.browser_version,
        user_agent: info.user_agent,
        display_width: info.display_width,
        display_height: info.display_height,
        display_ppi: info.display_ppi,
        diagonal_screen_size: info.diagonal_screen_size,
        connection_ip: info.connection_ip,
        connection_port: info.connection_port,
        connection_type: info.connection_type,
        application_id: info.application_id,
        connection_secure: info.connection_secure,
        additional: Some(info.additional).filter(|additional| !additional.is_empty()).map(structure),
    }
}

/// Renders normalized device information.
pub(in crate::grpc) fn normalized(info: NormalizedDeviceInfo) -> v1::NormalizedDeviceInfo {
    v1::NormalizedDeviceInfo {
        r#type: info.hardware_type,
        model: info.model,
        version: Some(version(info.version)),
        hardware: Some(message::Hardware {
            name: info.hardware.name,
            vendor: info.hardware.vendor,
            version: Some(version(info.hardware.version)),
            manufacturer: info.hardware.manufacturer,
        }),
        operating_system: Some(message::OperatingSystem {
            name: info.operating_system.name,
            family: info.operating_system.family,
            vendor: info.operating_system.vendor,
            version: Some(version(info.operating_system.version)),
        }),
        browser: Some(message::Browser {
            name: info.browser.name,
            vendor: info.browser.vendor,
            version: Some(version(info.browser.version)),
            user_agent: info.browser.user_agent,
            original_user_agent: info.browser.original_user_agent,
        }),
        display: Some(message::Display {
            width: info.display.width,
            height: info.display.height,
            ppi: info.display.ppi,
            name: info.display.name,
            vendor: info.display.vendor,
            version: info.display.version.map(version),
            diagonal_size: info.display.diagonal_size,
        }),
        application_id: info.application_id,
        connection: Some(message::Connection {
            ip_address: info.connection.ip_address,
            port: info.connection.port,
            secure: info.connection.secure,
            r#type: info.connection.kind,
        }),
    }
}

/// Renders warnings.
pub(in crate::grpc) fn warnings(warnings: Vec<Warning>) -> Vec<v1::Warning> {
    warnings
        .into_iter()
        .map(|warning| v1::Warning {
            field: warning.field,
            reason: match warning.reason {
                WarningReason::UnlistedValue => v1::WarningReason::UnlistedValue,
                WarningReason::UnknownKey => v1::WarningReason::UnknownKey,
                WarningReason::UnexpectedType => v1::WarningReason::UnexpectedType,
                WarningReason::AliasedKey => v1::WarningReason::AliasedKey,
                WarningReason::DuplicateKey => v1::WarningReason::DuplicateKey,
                WarningReason::FieldIgnored => v1::WarningReason::FieldIgnored,
                WarningReason::TtlNotHonoured => v1::WarningReason::TtlNotHonoured,
            }
            .into(),
            message: warning.message,
        })
        .collect()
}

fn version(version: Version) -> message::Version {
    message::Version {
        major: version.major,
        minor: version.minor,
        patch: version.patch,
        profile: version.profile,
    }
}

/// Converts a `Struct` to JSON. Its depth is limited here, before any recursive function processes it.
fn object(fields: Struct, level: usize) -> std::result::Result<Map<String, Json>, String> {
    fields.fields.into_iter().map(|(key, value)| Ok((key, json(value, level)?))).collect()
}

fn json(value: Value, level: usize) -> std::result::Result<Json, String> {
    let deeper = || {
        if level < NESTING_MAX {
            Ok(level + 1)
        } else {
            Err(format!("must have at most {NESTING_MAX} levels of nesting"))
        }
    };
    Ok(match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(flag)) => Json::Bool(flag),
        Some(Kind::NumberValue(number)) => Json::Number(json_number(number)?),
        Some(Kind::StringValue(text)) => Json::String(text),
        Some(Kind::ListValue(list)) => {
            let level = deeper()?;
            Json::Array(
                list.values
                    .into_iter()
                    .map(|value| json(value, level))
                    .collect::<std::result::Result<_, _>>()?,
            )
        }
        Some(Kind::StructValue(fields)) => Json::Object(object(fields, deeper()?)?),
    })
}

/// Converts a double to a JSON number. A `Struct` has only doubles; whole ones become integers again, so that
/// 4 does not become 4.0.
fn json_number(number: f64) -> std::result::Result<Number, String> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the double is whole and within 2^53, so it is exact"
    )]
    let whole = (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64);
    whole
        .map(Number::from)
        .or_else(|| Number::from_f64(number))
        .ok_or_else(|| format!("must have only numbers that JSON can represent, but contains {number}"))
}

pub(super) fn structure(object: Map<String, Json>) -> Struct {
    Struct { fields: object.into_iter().map(|(key, json)| (key, value(json))).collect() }
}

fn value(json: Json) -> Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(flag) => Kind::BoolValue(flag),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Json::String(text) => Kind::StringValue(text),
        Json::Array(values) => {
            Kind::ListValue(prost_types::ListValue { values: values.into_iter().map(value).collect() })
        }
        Json::Object(object) => Kind::StructValue(structure(object)),
    };
    Value { kind: Some(kind) }
}
