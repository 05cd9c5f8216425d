//! Makes the normalized form: what a device says itself first, then what its User-Agent tells, then what is
//! seen of its connection.
//!
//! What the provider's one sample can't settle:
//! - assumption 1: the device's own `userAgent` speaks for the device before the header does, because a server that calls
//!   on a device's behalf sends a header of its own; the header is the original one. Where only one is known
//!   it stands in both places.
//! - assumption 2: `version` is the version of the device and of its hardware.
//! - assumption 3: a User-Agent that names another operating system than the device does is believed about the browser only.

use std::sync::Arc;

use super::{
    Browser, DeviceInfo, Display, Hardware, Key, NormalizedConnection, NormalizedDeviceInfo, OperatingSystem,
    Version, hardware,
    normalized::UNKNOWN,
    operating_system,
    user_agent::{self, Facts, UserAgents},
    version::leading_number,
};
use crate::domain::address::Address;

/// What is seen of the connection that a device came over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Connection<'a> {
    /// The User-Agent of the request, at most 2048 bytes; blank is as good as none.
    pub user_agent: Option<&'a str>,
    /// The device's address.
    pub ip: Option<Address>,
    /// The device's port; 0 is as good as none.
    pub port: Option<u16>,
}

impl<'a> Connection<'a> {
    /// The connection of a device; an empty User-Agent is none.
    #[must_use]
    pub fn new(user_agent: &'a str, ip: Option<Address>, port: Option<u16>) -> Self {
        Self { user_agent: Some(user_agent).filter(|text| !text.is_empty()), ip, port }
    }
}

/// Makes normalized device information. One is enough for a process: it remembers the User-Agents it has
/// seen, at most 16 384 of them and 8 MiB.
pub struct Normalizer {
    user_agents: UserAgents,
}

impl Normalizer {
    /// Cheap. The first [`Normalizer::normalize`] with a User-Agent pays for [`Normalizer::warm_up`], unless
    /// that was called before.
    #[must_use]
    pub fn new() -> Self {
        Self { user_agents: UserAgents::new() }
    }

    /// Gets the User-Agent patterns ready: about 0.1 s of one core and 25 MB of memory, once in a process. It
    /// blocks, so call it on a thread of its own. Calls to `normalize` that come meanwhile wait for it.
    pub fn warm_up() {
        user_agent::warm_up();
    }

    /// What a device is by its connection alone, and by the kind that it says to be where that tells nothing: in the form that
    /// devices send of themselves.
    #[must_use]
    pub fn guess(&self, connection: &Connection<'_>, device_type: &str) -> DeviceInfo {
        let NormalizedDeviceInfo { hardware_type, model, operating_system, browser, .. } =
            self.normalize(None, connection);
        let is_known = |text: &String| text != UNKNOWN;
        let model = Some(model).filter(|model| is_known(model) || device_type.is_empty());
        DeviceInfo {
            primary_hardware_type: Some(hardware_type).filter(is_known),
            model: model.or_else(|| Some(device_type.to_owned())),
            os_name: Some(operating_system.name),
            user_agent: browser.original_user_agent,
            ..DeviceInfo::default()
        }
    }

    /// Puts together what is known of a device. Never fails: what is not known has its place in the form.
    #[must_use]
    pub fn normalize(&self, info: Option<&DeviceInfo>, connection: &Connection<'_>) -> NormalizedDeviceInfo {
        let nothing = DeviceInfo::default();
        let explicit = Explicit(info.unwrap_or(&nothing));
        let header = connection.user_agent.filter(|text| !text.trim().is_empty());
        let user_agent = explicit.get(Key::UserAgent).or(header);
        let facts = user_agent.map_or_else(Arc::default, |text| self.user_agents.read(text));
        let device = Device::resolve(explicit, &facts);
        NormalizedDeviceInfo {
            hardware_type: device.hardware_type().to_owned(),
            model: device.model.to_owned(),
            version: explicit.version(Key::Version),
            hardware: device.hardware(),
            operating_system: device.operating_system(),
            browser: Browser {
                user_agent: user_agent.map(ToOwned::to_owned),
                original_user_agent: header.or(user_agent).map(ToOwned::to_owned),
                ..browser(explicit, &facts)
            },
            display: display(explicit),
            application_id: explicit.owned(Key::ApplicationId),
            connection: normalized_connection(explicit, connection),
        }
    }
}

impl Default for Normalizer {
    fn default() -> Self {
        Self::new()
    }
}

/// The explicit values; blank ones are absent here.
#[derive(Clone, Copy)]
struct Explicit<'a>(&'a DeviceInfo);

impl<'a> Explicit<'a> {
    fn get(self, key: Key) -> Option<&'a str> {
        self.0.text(key).map(str::trim).filter(|value| !value.is_empty())
    }

    fn owned(self, key: Key) -> Option<String> {
        self.get(key).map(ToOwned::to_owned)
    }

    fn number(self, key: Key) -> u32 {
        self.get(key).map_or(0, leading_number)
    }

    fn version(self, key: Key) -> Version {
        self.get(key).map_or_else(Version::default, Version::parse)
    }
}

/// Model, maker and operating system: each of them helps to find out the others.
struct Device<'a> {
    explicit: Explicit<'a>,
    /// What the User-Agent tells, where it doesn't contradict the device.
    facts: Option<&'a Facts>,
    system: Option<&'static operating_system::System>,
    model: &'a str,
    maker: Option<hardware::Maker>,
}

impl<'a> Device<'a> {
    fn resolve(explicit: Explicit<'a>, facts: &'a Facts) -> Self {
        let system = explicit.get(Key::OsName).and_then(operating_system::by_name);
        let family = facts.system.as_ref().and_then(|system| system.family);
        let named_family = system.and_then(|system| system.family);
        let facts = operating_system::agree(named_family, family).then_some(facts);
        let named = facts.and_then(|facts| facts.device.model.as_deref());
        let model = explicit.get(Key::Model).or(named).unwrap_or(UNKNOWN);
        Self { explicit, facts, system, model, maker: hardware::maker(model) }
    }

    fn family(&self) -> Option<&'a str> {
        let from_name = self.system.and_then(|system| system.family);
        let from_user_agent = || self.facts?.system.as_ref()?.family;
        let implied = || operating_system::more_telling(from_name, from_user_agent());
        self.explicit.get(Key::OsFamily).or_else(implied)
    }

    fn hardware_type(&self) -> &'a str {
        let from_user_agent = || self.facts?.device.hardware_type;
        let explicit = self.explicit.get(Key::PrimaryHardwareType);
        explicit
            .or_else(|| self.maker?.hardware_type)
            .or_else(|| hardware::type_by_words(self.model))
            .or_else(from_user_agent)
            .or_else(|| hardware::handheld_by_words(self.explicit.get(Key::Model)?))
            .or_else(|| hardware::type_by_family(self.family()?))
            .unwrap_or(UNKNOWN)
    }

    fn hardware(&self) -> Hardware {
        let from_user_agent = || self.facts?.device.manufacturer.as_deref();
        let manufacturer = self.explicit.get(Key::Manufacturer);
        let manufacturer = manufacturer.or_else(|| self.maker?.name).or_else(from_user_agent);
        Hardware {
            name: self.model.to_owned(),
            vendor: self.explicit.get(Key::Vendor).unwrap_or(UNKNOWN).to_owned(),
            version: self.explicit.version(Key::Version),
            manufacturer: manufacturer.map(ToOwned::to_owned),
        }
    }

    fn operating_system(&self) -> OperatingSystem {
        let seen = self.facts.and_then(|facts| facts.system.as_ref());
        let name = self.explicit.get(Key::OsName).or(seen.map(|system| system.name));
        let version = match self.explicit.get(Key::OsVersion) {
            Some(version) => Version::parse(version),
            None => seen.map(|system| system.version.clone()).unwrap_or_default(),
        };
        OperatingSystem {
            name: name.unwrap_or(UNKNOWN).to_owned(),
            family: self.family().map(ToOwned::to_owned),
            vendor: self.system_vendor().map(ToOwned::to_owned),
            version,
        }
    }

    /// Amazon's Android says that it is Android: only the model tells.
    fn system_vendor(&self) -> Option<&'a str> {
        let is_amazon =
            self.family() == operating_system::ANDROID.family && hardware::is_amazon_code(self.model);
        let from_model = is_amazon.then_some(operating_system::FIRE_OS.vendor).flatten();
        let from_name = || self.system?.vendor;
        let from_user_agent = || self.facts?.system.as_ref()?.vendor;
        self.explicit.get(Key::OsVendor).or(from_model).or_else(from_name).or_else(from_user_agent)
    }
}

/// The browser without its User-Agents. The User-Agent's version and vendor are those of the browser that it
/// names, so they don't fit another one that the device names.
fn browser(explicit: Explicit<'_>, facts: &Facts) -> Browser {
    let named = explicit.get(Key::BrowserName);
    let seen =
        facts.browser.as_ref().filter(|seen| named.is_none_or(|name| name.eq_ignore_ascii_case(seen.name)));
    let name = named.or(seen.map(|seen| seen.name));
    let vendor = explicit.get(Key::BrowserVendor).or(match seen {
        Some(seen) => seen.vendor,
        None => name.and_then(user_agent::vendor_of),
    });
    let version = match explicit.get(Key::BrowserVersion) {
        Some(version) => Version::parse(version),
        None => seen.map(|seen| seen.version.clone()).unwrap_or_default(),
    };
    Browser {
        name: name.map(ToOwned::to_owned),
        vendor: vendor.map(ToOwned::to_owned),
        version,
        user_agent: None,
        original_user_agent: None,
    }
}

fn display(explicit: Explicit<'_>) -> Display {
    Display {
        width: explicit.number(Key::DisplayWidth),
        height: explicit.number(Key::DisplayHeight),
        ppi: explicit.number(Key::DisplayPpi),
        diagonal_size: explicit.owned(Key::DiagonalScreenSize),
        ..Display::default()
    }
}

fn normalized_connection(explicit: Explicit<'_>, seen: &Connection<'_>) -> NormalizedConnection {
    let ip = || seen.ip.map(|ip| ip.to_string());
    let port = || seen.port.filter(|port| *port != 0).map(|port| port.to_string());
    NormalizedConnection {
        ip_address: explicit.owned(Key::ConnectionIp).or_else(ip),
        port: explicit.owned(Key::ConnectionPort).or_else(port),
        secure: explicit.0.connection_secure.unwrap_or(false),
        kind: explicit.owned(Key::ConnectionType),
    }
}
