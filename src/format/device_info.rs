//! The format of device information in a record. It is separate from the domain type, whose serde representation
//! defines the JSON form.

use serde::{Deserialize, Serialize};

use crate::domain::device_info::{
    Browser, Display, Hardware, NormalizedConnection, NormalizedDeviceInfo, OperatingSystem, Version,
};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DeviceInfoV1<'a> {
    hardware_type: &'a str,
    model: &'a str,
    #[serde(borrow)]
    version: VersionV1<'a>,
    hardware: HardwareV1<'a>,
    operating_system: OperatingSystemV1<'a>,
    browser: BrowserV1<'a>,
    display: DisplayV1<'a>,
    application_id: Option<&'a str>,
    connection: ConnectionV1<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
struct VersionV1<'a> {
    major: u32,
    minor: u32,
    patch: u32,
    profile: &'a str,
}

#[derive(Debug, Serialize, Deserialize)]
struct HardwareV1<'a> {
    name: &'a str,
    vendor: &'a str,
    #[serde(borrow)]
    version: VersionV1<'a>,
    manufacturer: Option<&'a str>,
}

#[derive(Debug, Serialize, Deserialize)]
struct OperatingSystemV1<'a> {
    name: &'a str,
    family: Option<&'a str>,
    vendor: Option<&'a str>,
    #[serde(borrow)]
    version: VersionV1<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
struct BrowserV1<'a> {
    name: Option<&'a str>,
    vendor: Option<&'a str>,
    #[serde(borrow)]
    version: VersionV1<'a>,
    user_agent: Option<&'a str>,
    original_user_agent: Option<&'a str>,
}

#[derive(Debug, Serialize, Deserialize)]
struct DisplayV1<'a> {
    width: u32,
    height: u32,
    ppi: u32,
    name: &'a str,
    vendor: Option<&'a str>,
    #[serde(borrow)]
    version: Option<VersionV1<'a>>,
    diagonal_size: Option<&'a str>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ConnectionV1<'a> {
    ip_address: Option<&'a str>,
    port: Option<&'a str>,
    secure: bool,
    kind: Option<&'a str>,
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

impl<'a> From<&'a Version> for VersionV1<'a> {
    fn from(version: &'a Version) -> Self {
        let Version { major, minor, patch, profile } = version;
        Self { major: *major, minor: *minor, patch: *patch, profile }
    }
}

impl From<VersionV1<'_>> for Version {
    fn from(VersionV1 { major, minor, patch, profile }: VersionV1<'_>) -> Self {
        Self { major, minor, patch, profile: profile.to_owned() }
    }
}

impl<'a> From<&'a NormalizedDeviceInfo> for DeviceInfoV1<'a> {
    fn from(info: &'a NormalizedDeviceInfo) -> Self {
        let NormalizedDeviceInfo {
            hardware_type,
            model,
            version,
            hardware,
            operating_system,
            browser,
            display,
            application_id,
            connection,
        } = info;
        Self {
            hardware_type,
            model,
            version: version.into(),
            hardware: hardware.into(),
            operating_system: operating_system.into(),
            browser: browser.into(),
            display: display.into(),
            application_id: application_id.as_deref(),
            connection: connection.into(),
        }
    }
}

impl From<DeviceInfoV1<'_>> for NormalizedDeviceInfo {
    fn from(info: DeviceInfoV1<'_>) -> Self {
        Self {
            hardware_type: info.hardware_type.to_owned(),
            model: info.model.to_owned(),
            version: info.version.into(),
            hardware: info.hardware.into(),
            operating_system: info.operating_system.into(),
            browser: info.browser.into(),
            display: info.display.into(),
            application_id: owned(info.application_id),
            connection: info.connection.into(),
        }
    }
}

impl<'a> From<&'a Hardware> for HardwareV1<'a> {
    fn from(Hardware { name, vendor, version, manufacturer }: &'a Hardware) -> Self {
        Self { name, vendor, version: version.into(), manufacturer: manufacturer.as_deref() }
    }
}

impl From<HardwareV1<'_>> for Hardware {
    fn from(hardware: HardwareV1<'_>) -> Self {
        Self {
            name: hardware.name.to_owned(),
            vendor: hardware.vendor.to_owned(),
            version: hardware.version.into(),
            manufacturer: owned(hardware.manufacturer),
        }
    }
}

impl<'a> From<&'a OperatingSystem> for OperatingSystemV1<'a> {
    fn from(OperatingSystem { name, family, vendor, version }: &'a OperatingSystem) -> Self {
        Self { name, family: family.as_deref(), vendor: vendor.as_deref(), version: version.into() }
    }
}

impl From<OperatingSystemV1<'_>> for OperatingSystem {
    fn from(system: OperatingSystemV1<'_>) -> Self {
        Self {
            name: system.name.to_owned(),
            family: owned(system.family),
            vendor: owned(system.vendor),
            version: system.version.into(),
        }
    }
}

impl<'a> From<&'a Browser> for BrowserV1<'a> {
    fn from(browser: &'a Browser) -> Self {
        let Browser { name, vendor, version, user_agent, original_user_agent } = browser;
        Self {
            name: name.as_deref(),
            vendor: vendor.as_deref(),
            version: version.into(),
            user_agent: user_agent.as_deref(),
            original_user_agent: original_user_agent.as_deref(),
        }
    }
}

impl From<BrowserV1<'_>> for Browser {
    fn from(browser: BrowserV1<'_>) -> Self {
        Self {
            name: owned(browser.name),
            vendor: owned(browser.vendor),
            version: browser.version.into(),
            user_agent: owned(browser.user_agent),
            original_user_agent: owned(browser.original_user_agent),
        }
    }
}

impl<'a> From<&'a Display> for DisplayV1<'a> {
    fn from(display: &'a Display) -> Self {
        let Display { width, height, ppi, name, vendor, version, diagonal_size } = display;
        Self {
            width: *width,
            height: *height,
            ppi: *ppi,
            name,
            vendor: vendor.as_deref(),
            version: version.as_ref().map(Into::into),
            diagonal_size: diagonal_size.as_deref(),
        }
    }
}

impl From<DisplayV1<'_>> for Display {
    fn from(display: DisplayV1<'_>) -> Self {
        Self {
            width: display.width,
            height: display.height,
            ppi: display.ppi,
            name: display.name.to_owned(),
            vendor: owned(display.vendor),
            version: display.version.map(Into::into),
            diagonal_size: owned(display.diagonal_size),
        }
    }
}

impl<'a> From<&'a NormalizedConnection> for ConnectionV1<'a> {
    fn from(connection: &'a NormalizedConnection) -> Self {
        let NormalizedConnection { ip_address, port, secure, kind } = connection;
        Self {
            ip_address: ip_address.as_deref(),
            port: port.as_deref(),
            secure: *secure,
            kind: kind.as_deref(),
        }
    }
}

impl From<ConnectionV1<'_>> for NormalizedConnection {
    fn from(connection: ConnectionV1<'_>) -> Self {
        Self {
            ip_address: owned(connection.ip_address),
            port: owned(connection.port),
            secure: connection.secure,
            kind: owned(connection.kind),
        }
    }
}
