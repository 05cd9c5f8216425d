//! Operating systems: the names that devices and User-Agents use for them, and what each name implies.

/// An operating system, and what its name implies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct System {
    /// The listed name; the family's name if the list does not have the system.
    pub(super) name: &'static str,
    /// The listed family, if there is one.
    pub(super) family: Option<&'static str>,
    /// The vendor, if there is only one.
    pub(super) vendor: Option<&'static str>,
}

const fn system(name: &'static str, family: &'static str, vendor: &'static str) -> System {
    System { name, family: Some(family), vendor: Some(vendor) }
}

pub(super) const ANDROID: System = system("Android", "Android", "Google");
pub(super) const FIRE_OS: System = system("Android", "Android", "Amazon");
pub(super) const PLAYSTATION_OS: System = system("PlayStation OS", "PlayStation OS", "Sony");
pub(super) const ROKU_OS: System = system("Roku OS", "Roku OS", "Roku");
pub(super) const TVOS: System = system("tvOS", "tvOS", "Apple");
const CHROME_OS: System = system("Chrome OS", "Linux", "Google");
pub(super) const CAST_OS: System = system("Linux", "Linux", "Google");
const IOS: System = system("iOS", "iOS", "Apple");
pub(super) const FREE_BSD: System = System { name: "BSD", family: Some("BSD"), vendor: None };
pub(super) const LINUX: System = System { name: "Linux", family: Some("Linux"), vendor: None };
const MAC_OS: System = system("Mac OS", "macOS", "Apple");
const OPEN_BSD: System = System { name: "OpenBSD", family: Some("BSD"), vendor: None };
const SYMBIAN: System = system("Symbian", "Symbian", "Nokia");
pub(super) const TIZEN: System = system("Tizen", "Tizen", "Samsung");
pub(super) const WEBOS: System = system("webOS", "webOS", "LG");
const WINDOWS: System = system("Windows", "Windows", "Microsoft");

/// Names in lower case: the listed names, those in the documents of the platforms, and those of `uap-core`.
const NAMES: &[(&str, System)] = &[
    ("android", ANDROID),
    ("android tv", ANDROID),
    ("androidtv", ANDROID),
    ("arch linux", LINUX),
    ("atv os x", TVOS),
    ("centos", LINUX),
    ("chrome os", CHROME_OS),
    ("chromecast", CAST_OS),
    ("chromecast android", ANDROID),
    ("chromecast linux", CAST_OS),
    ("chromecast smartspeaker", CAST_OS),
    ("chromeos", CHROME_OS),
    ("debian", LINUX),
    ("fedora", LINUX),
    ("fire os", FIRE_OS),
    ("firehbbtv", FIRE_OS),
    ("fireos", FIRE_OS),
    ("freebsd", FREE_BSD),
    ("gentoo", LINUX),
    ("google tv", ANDROID),
    ("googletv", ANDROID),
    ("ios", IOS),
    ("ipados", IOS),
    ("iphone os", IOS),
    ("linux", LINUX),
    ("linux mint", LINUX),
    ("mac os", MAC_OS),
    ("mac os x", MAC_OS),
    ("macos", MAC_OS),
    ("openbsd", OPEN_BSD),
    ("orbis os", PLAYSTATION_OS),
    ("os x", MAC_OS),
    ("playstation", PLAYSTATION_OS),
    ("playstation 4", PLAYSTATION_OS),
    ("playstation 5", PLAYSTATION_OS),
    ("playstation os", PLAYSTATION_OS),
    ("ps4", PLAYSTATION_OS),
    ("ps5", PLAYSTATION_OS),
    ("red hat", LINUX),
    ("roku", ROKU_OS),
    ("roku os", ROKU_OS),
    ("rokuos", ROKU_OS),
    ("symbian", SYMBIAN),
    ("symbian os", SYMBIAN),
    ("symbian^3", SYMBIAN),
    ("tizen", TIZEN),
    ("tizen os", TIZEN),
    ("tvos", TVOS),
    ("ubuntu", LINUX),
    ("web0s", WEBOS),
    ("webos", WEBOS),
    ("webos tv", WEBOS),
    ("windows", WINDOWS),
    ("windows mobile", WINDOWS),
    ("windows phone", WINDOWS),
    ("xbox", WINDOWS),
    ("xbox os", WINDOWS),
];

/// Returns the operating system with this name, case-insensitive; `None` if it is unknown.
pub(super) fn by_name(name: &str) -> Option<&'static System> {
    NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, system)| system)
}

/// Whether the family of the explicit system name, `explicit`, is compatible with the family of the User-Agent, `seen`.
/// Tizen, webOS and Android are compatible with Linux: the list of names has no better name for Tizen, and User-Agents
/// often say only Linux for all of them. An unknown family is compatible with any.
pub(super) fn agree(explicit: Option<&str>, seen: Option<&str>) -> bool {
    const LINUXES: &[&str] = &["Android", "Linux", "Tizen", "webOS"];
    let (Some(explicit), Some(seen)) = (explicit, seen) else { return true };
    let one_is_linux = [explicit, seen].contains(&"Linux");
    explicit == seen || one_is_linux && LINUXES.contains(&explicit) && LINUXES.contains(&seen)
}

/// Returns the more specific of two families that [`agree`].
pub(super) fn more_telling<'a>(explicit: Option<&'a str>, seen: Option<&'a str>) -> Option<&'a str> {
    match explicit {
        None | Some("Linux") => seen.or(explicit),
        known => known,
    }
}
