//! Normalization: explicit values of the device take precedence over its User-Agent, and that over its connection.
//!
//! The provider's single sample does not settle these points:
//! - assumption 1: the device's `userAgent` takes precedence over the header as the device's User-Agent, because a server that
//!   calls on a device's behalf sends its own header. The header is the original User-Agent. If only one of the two is
//!   known, it is used for both.
//! - assumption 2: `version` is the version of the device and of its hardware.
//! - assumption 3: a User-Agent that names another operating system than the device is used for the browser only.

use std::sync::Arc;

use super::{
    Browser, DeviceInfo, Display, Hardware, Key, NormalizedConnection, NormalizedDeviceInfo, OperatingSystem,
    Version, hardware,
    normalized::UNKNOWN,
    operating_system,
    user_agent::{self, UserAgentFacts, UserAgents},
    version::leading_number,
};
use crate::domain::address::Address;

/// The properties of a device's connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ObservedConnection<'a> {
    /// The User-Agent of the request, at most 2048 bytes; blank is treated as absent.
    pub user_agent: Option<&'a str>,
    /// The device's address.
    pub ip: Option<Address>,
    /// The device's port; 0 is treated as absent.
    pub port: Option<u16>,
}

impl<'a> ObservedConnection<'a> {
    /// Creates a connection. An empty User-Agent is treated as absent.
    #[must_use]
    pub fn new(user_agent: &'a str, ip: Option<Address>, port: Option<u16>) -> Self {
        Self { user_agent: Some(user_agent).filter(|text| !text.is_empty()), ip, port }
    }
}

/// Normalizes device information. One instance is enough for a process. It caches the facts of User-Agents: at most 16 384
/// entries and 8 MiB.
pub struct Normalizer {
    user_agents: UserAgents,
}

impl Normalizer {
    /// Creates a normalizer, which is cheap. The first [`Normalizer::normalize`] with a User-Agent also does the work of
    /// [`Normalizer::warm_up`], unless that was called before.
    #[must_use]
    pub fn new() -> Self {
        Self { user_agents: UserAgents::new() }
    }

    /// Compiles the User-Agent patterns, once per process. Takes about 0.1 s of one core and 25 MB of memory. Blocks, so call it
    /// on a separate thread. Concurrent calls to `normalize` wait for it.
    pub fn warm_up() {
        user_agent::warm_up();
    }

    /// Guesses device information from the connection alone. Uses `device_type` as the model if the connection does not
    /// reveal it.
    #[must_use]
    pub fn guess(&self, connection: &ObservedConnection<'_>, device_type: &str) -> DeviceInfo {
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

    /// Normalizes device information. Never fails: the normalized form has a value for everything unknown.
    #[must_use]
    pub fn normalize(
        &self,
        info: Option<&DeviceInfo>,
        connection: &ObservedConnection<'_>,
    ) -> NormalizedDeviceInfo {
        let nothing = DeviceInfo::default();
        let explicit = ExplicitValues(info.unwrap_or(&nothing));
        let header = connection.user_agent.filter(|text| !text.trim().is_empty());
        let user_agent = explicit.get(Key::UserAgent).or(header);
        let facts = user_agent.map_or_else(Arc::default, |text| self.user_agents.read(text));
        let device = DeviceEvidence::resolve(explicit, &facts);
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

/// The explicit values. Blank values are treated as absent.
#[derive(Clone, Copy)]
struct ExplicitValues<'a>(&'a DeviceInfo);

impl<'a> ExplicitValues<'a> {
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

/// Model, manufacturer and operating system, each of which helps to determine the others.
struct DeviceEvidence<'a> {
    explicit: ExplicitValues<'a>,
    /// The facts of the User-Agent, if they do not contradict the device.
    facts: Option<&'a UserAgentFacts>,
    system: Option<&'static operating_system::System>,
    model: &'a str,
    maker: Option<hardware::Maker>,
}

impl<'a> DeviceEvidence<'a> {
    fn resolve(explicit: ExplicitValues<'a>, facts: &'a UserAgentFacts) -> Self {
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

    /// Returns the vendor of the operating system. Amazon's Android identifies itself as Android, so only the model reveals it.
    fn system_vendor(&self) -> Option<&'a str> {
        let is_amazon =
            self.family() == operating_system::ANDROID.family && hardware::is_amazon_code(self.model);
        let from_model = is_amazon.then_some(operating_system::FIRE_OS.vendor).flatten();
        let from_name = || self.system?.vendor;
        let from_user_agent = || self.facts?.system.as_ref()?.vendor;
        self.explicit.get(Key::OsVendor).or(from_model).or_else(from_name).or_else(from_user_agent)
    }
}

/// Returns the browser without its User-Agents. If the device names another browser than the User-Agent, the version and
/// vendor of the User-Agent do not apply.
fn browser(explicit: ExplicitValues<'_>, facts: &UserAgentFacts) -> Browser {
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

fn display(explicit: ExplicitValues<'_>) -> Display {
    Display {
        width: explicit.number(Key::DisplayWidth),
        height: explicit.number(Key::DisplayHeight),
        ppi: explicit.number(Key::DisplayPpi),
        diagonal_size: explicit.owned(Key::DiagonalScreenSize),
        ..Display::default()
    }
}

fn normalized_connection(
    explicit: ExplicitValues<'_>,
    seen: &ObservedConnection<'_>,
) -> NormalizedConnection {
    let ip = || seen.ip.map(|ip| ip.to_string());
    let port = || seen.port.filter(|port| *port != 0).map(|port| port.to_string());
    NormalizedConnection {
        ip_address: explicit.owned(Key::ConnectionIp).or_else(ip),
        port: explicit.owned(Key::ConnectionPort).or_else(port),
        secure: explicit.0.connection_secure.unwrap_or(false),
        kind: explicit.owned(Key::ConnectionType),
    }
}
