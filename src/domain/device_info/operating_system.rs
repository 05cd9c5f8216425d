//! Operating systems: the many names that devices and User-Agents have for them, and what each implies.

/// What the name of an operating system implies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct System {
    /// The listed name. Where the list of names has no word for it, the word of the families.
    pub(super) name: &'static str,
    /// The listed family, where there is one.
    pub(super) family: Option<&'static str>,
    /// Who makes it, where one company does.
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

/// Names in lower case: the listed ones, what platforms' own recipes send, and what `uap-core` says.
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

/// What the name of an operating system implies; nothing where it is not known. Capitals don't matter.
pub(super) fn by_name(name: &str) -> Option<&'static System> {
    NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, system)| system)
}

/// Whether a device that names its system itself, with the family `explicit`, may be the one whose User-Agent
/// tells the family `seen`. Tizen, webOS and Android are Linux: the list of names has no better word for the
/// first, and User-Agents often tell no more of any. What one of the two doesn't know contradicts nothing.
pub(super) fn agree(explicit: Option<&str>, seen: Option<&str>) -> bool {
    const LINUXES: &[&str] = &["Android", "Linux", "Tizen", "webOS"];
    let (Some(explicit), Some(seen)) = (explicit, seen) else { return true };
    let one_is_linux = [explicit, seen].contains(&"Linux");
    explicit == seen || one_is_linux && LINUXES.contains(&explicit) && LINUXES.contains(&seen)
}

/// The family that says more, of two that [`agree`].
pub(super) fn more_telling<'a>(explicit: Option<&'a str>, seen: Option<&'a str>) -> Option<&'a str> {
    match explicit {
        None | Some("Linux") => seen.or(explicit),
        known => known,
    }
}
