//! The normalized form of a device in responses (reference, section 4): from its device information, its `User-Agent` and its
//! connection.

use serde::Serialize;

use crate::{device::Device, device_info::DeviceInfo};

/// The normalized form of a device.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Normalized<'a> {
    r#type: &'a str,
    model: Option<&'a str>,
    version: Version,
    hardware: Hardware<'a>,
    operating_system: OperatingSystem<'a>,
    browser: Browser<'a>,
    display: Display<'a>,
    application_id: Option<&'a str>,
    connection: Connection<'a>,
}

#[derive(Serialize)]
struct Version {
    major: u32,
    minor: u32,
    patch: u32,
    profile: &'static str,
}

#[derive(Serialize)]
struct Hardware<'a> {
    name: Option<&'a str>,
    vendor: &'a str,
    version: Version,
    manufacturer: Option<&'a str>,
}

#[derive(Serialize)]
struct OperatingSystem<'a> {
    name: Option<&'a str>,
    family: Option<&'a str>,
    vendor: Option<&'a str>,
    version: Version,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Browser<'a> {
    name: Option<&'a str>,
    vendor: Option<&'a str>,
    version: Version,
    user_agent: Option<&'a str>,
    original_user_agent: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Display<'a> {
    width: u32,
    height: u32,
    ppi: u32,
    name: &'static str,
    vendor: Option<&'a str>,
    version: Option<Version>,
    diagonal_size: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Connection<'a> {
    ip_address: &'a str,
    port: String,
    secure: bool,
    r#type: Option<&'a str>,
}

impl<'a> Normalized<'a> {
    /// The normalized form of this device.
    pub(crate) fn of(device: &'a Device) -> Self {
        let info = &device.info;
        Self {
            r#type: info.primary_hardware_type.get().unwrap_or("Unknown"),
            model: info.model.get(),
            version: Version::parse(info.version.get()),
            hardware: Hardware::of(info),
            operating_system: OperatingSystem::of(info),
            browser: Browser::of(device),
            display: Display::of(info),
            application_id: info.application_id.get(),
            connection: Connection::of(device),
        }
    }
}

impl<'a> Hardware<'a> {
    fn of(info: &'a DeviceInfo) -> Self {
        Self {
            name: info.model.get(),
            vendor: info.vendor.get().unwrap_or("Unknown"),
            version: Version::parse(info.version.get()),
            manufacturer: info.manufacturer.get(),
        }
    }
}

impl<'a> OperatingSystem<'a> {
    fn of(info: &'a DeviceInfo) -> Self {
        Self {
            name: info.os_name.get(),
            family: info.os_family.get().or(info.os_name.get()),
            vendor: info.os_vendor.get(),
            version: Version::parse(info.os_version.get()),
        }
    }
}

impl<'a> Browser<'a> {
    fn of(Device { info, user_agent: original, .. }: &'a Device) -> Self {
        let original = original.as_deref();
        let user_agent = info.user_agent.get().or(original);
        let chrome = user_agent.and_then(|text| text.split_once("Chrome/")).map(|(_, version)| version);
        Self {
            name: info.browser_name.get().or(chrome.map(|_| "Chrome")),
            vendor: info.browser_vendor.get().or(chrome.map(|_| "Google")),
            version: Version::parse(info.browser_version.get().or(chrome)),
            user_agent,
            original_user_agent: original,
        }
    }
}

impl<'a> Display<'a> {
    fn of(info: &'a DeviceInfo) -> Self {
        Self {
            width: info.display_width.number(),
            height: info.display_height.number(),
            ppi: info.display_ppi.number(),
            name: "DISPLAY",
            vendor: None,
            version: None,
            diagonal_size: info.diagonal_screen_size.get(),
        }
    }
}

impl<'a> Connection<'a> {
    fn of(Device { info, address, port, .. }: &'a Device) -> Self {
        Self {
            ip_address: info.connection_ip.get().unwrap_or(address),
            port: info.connection_port.get().map_or_else(|| port.to_string(), str::to_owned),
            secure: info.connection_secure.get() == Some("true"),
            r#type: info.connection_type.get(),
        }
    }
}

impl Version {
    /// The first three numbers before the first space.
    fn parse(text: Option<&str>) -> Self {
        let text = text.unwrap_or_default().split(' ').next().unwrap_or_default();
        let mut numbers = text.split('.').map(|part| part.parse().unwrap_or_default());
        let mut next = || numbers.next().unwrap_or_default();
        Self { major: next(), minor: next(), patch: next(), profile: "" }
    }
}
