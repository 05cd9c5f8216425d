//! The operating system behind a User-Agent.

use ua_parser::os::ValueRef;

use super::{
    super::{
        Version,
        operating_system::{self, PLAYSTATION_OS, ROKU_OS, System},
    },
    after,
};

/// The operating system that a User-Agent names.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct SystemFacts {
    pub(in super::super) name: &'static str,
    pub(in super::super) family: Option<&'static str>,
    pub(in super::super) vendor: Option<&'static str>,
    pub(in super::super) version: Version,
}

/// Reads what `uap-core` found in `text`, and what it has no pattern for. Systems without a listed family are
/// left out: nothing here could say more of them than their name.
pub(super) fn read(found: Option<&ValueRef<'_>>, text: &str) -> Option<SystemFacts> {
    let version = found.map_or_else(Version::default, |found| {
        Version::from_parts(found.major.as_deref(), found.minor.as_deref(), found.patch.as_deref())
    });
    let known = found.and_then(|found| operating_system::by_name(&found.os)).or_else(|| unlisted(text))?;
    let version = if version.is_known() { version } else { version_in_text(known, text) };
    Some(SystemFacts { name: known.name, family: known.family, vendor: known.vendor, version })
}

/// Systems that `uap-core` takes for none, or only for a device.
fn unlisted(text: &str) -> Option<&'static System> {
    if text.starts_with("Roku") {
        return Some(&ROKU_OS);
    }
    text.contains("PlayStation").then_some(&PLAYSTATION_OS)
}

/// Versions that `uap-core` has no pattern for.
fn version_in_text(system: &System, text: &str) -> Version {
    let rest = match system.name {
        "Roku OS" => after(text, "/DVP-"),
        "tvOS" => after(text, "CPU OS "),
        "webOS" => after(text, "WEBOS"),
        // `PlayStation 5/6.50` and `PlayStation 4 11.00`: the first number is the console's.
        "PlayStation OS" => after(text, "PlayStation 5")
            .or_else(|| after(text, "PlayStation 4"))
            .and_then(|rest| rest.get(1..)),
        _ => None,
    };
    rest.map_or_else(Version::default, Version::parse)
}
