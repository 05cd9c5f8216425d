//! The listed values of keys, as the provider documents them (reference, section 4).
//!
//! The list of `osVendor` is open: unlisted vendors cause no warning, so the list is omitted here.

use super::Key;

/// The values of `primaryHardwareType`. The last two before `Unknown` are only in the provider's OpenAPI files.
const HARDWARE_TYPES: &[&str] = &[
    "Camera",
    "DataCollectionTerminal",
    "Desktop",
    "EmbeddedNetworkModule",
    "eReader",
    "GamesConsole",
    "GeolocationTracker",
    "Glasses",
    "MediaPlayer",
    "MobilePhone",
    "PaymentTerminal",
    "PluginModem",
    "SetTopBox",
    "TV",
    "Tablet",
    "WirelessHotspot",
    "Wristwatch",
    "VehicleMultimediaSystem",
    "Projector",
    "Unknown",
];

const OS_NAMES: &[&str] = &[
    "Android",
    "Chrome OS",
    "Linux",
    "Mac OS",
    "OS X",
    "OpenBSD",
    "Roku OS",
    "Windows",
    "iOS",
    "tvOS",
    "webOS",
];

const OS_FAMILIES: &[&str] = &[
    "Android",
    "BSD",
    "Linux",
    "PlayStation OS",
    "Roku OS",
    "Symbian",
    "Tizen",
    "Windows",
    "iOS",
    "macOS",
    "tvOS",
    "webOS",
];

const BROWSER_NAMES: &[&str] = &[
    "Android Browser",
    "Chrome",
    "Edge",
    "Firefox",
    "Internet Explorer",
    "Opera",
    "Safari",
    "SeaMonkey",
    "Symbian Browser",
];

const BROWSER_VENDORS: &[&str] = &[
    "Amazon",
    "Apple",
    "Google",
    "Microsoft",
    "Motorola",
    "Mozilla",
    "Netscape",
    "Nintendo",
    "Nokia",
    "Samsung",
    "Sony Ericsson",
];

/// Returns the listed values of `key`; `None` if any value is allowed.
pub(super) const fn listed(key: Key) -> Option<&'static [&'static str]> {
    match key {
        Key::PrimaryHardwareType => Some(HARDWARE_TYPES),
        Key::OsName => Some(OS_NAMES),
        Key::OsFamily => Some(OS_FAMILIES),
        Key::BrowserName => Some(BROWSER_NAMES),
        Key::BrowserVendor => Some(BROWSER_VENDORS),
        _ => None,
    }
}

/// Returns the listed value that differs from `value` only in case, spaces, dashes and underscores.
pub(super) fn nearest(list: &[&'static str], value: &str) -> Option<&'static str> {
    list.iter().copied().find(|listed| same_word(listed, value))
}

/// Whether two words are equal, ignoring case, spaces, dashes and underscores.
pub(super) fn same_word(one: &str, other: &str) -> bool {
    letters(one).eq(letters(other))
}

fn letters(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|letter| !matches!(letter, ' ' | '-' | '_')).map(|letter| letter.to_ascii_lowercase())
}
