//! Televisions, set-top boxes, players and consoles, by words that only their User-Agents contain.
//!
//! Their browsers also send words of desktops and phones (`Windows NT`, `X11`, `Mobile`, `CrKey`). A word that is specific to
//! these devices therefore decides the type, whatever else the text contains. Facts that the rules do not determine stay
//! unknown, and are not taken from the borrowed words.

mod conventional;
pub(super) mod makers;

pub(super) use conventional::android_model;

use super::{
    super::{
        Version,
        hardware::{GAMES_CONSOLE, MEDIA_PLAYER, SET_TOP_BOX, TV, is_amazon_code, is_fire_tv},
        operating_system::{
            ANDROID, CAST_OS, FIRE_OS, FREE_BSD, LINUX, PLAYSTATION_OS, ROKU_OS, System, TIZEN, TVOS, WEBOS,
        },
    },
    after,
    system::SystemFacts,
};

/// The facts of a User-Agent with such a word.
pub(super) struct Television<'a> {
    /// The listed hardware type, if the words imply one. Android TV, for example, runs on televisions and on boxes.
    pub(super) hardware_type: Option<&'static str>,
    /// The manufacturer in its own spelling; an unknown one as in the User-Agent.
    pub(super) maker: Option<&'a str>,
    pub(super) model: Option<&'a str>,
    runs: SystemSource,
}

/// The source of the operating system.
#[derive(Clone, Copy)]
enum SystemSource {
    /// The word implies the system; the version follows the first of these marks.
    On(System, &'static [&'static str]),
    /// The text names an operating system of televisions: Tizen, Android or Linux.
    UserAgent,
    /// The general patterns apply, if they find one of this family.
    Family(&'static str),
    /// Unknown: the text names a wrong one.
    Unknown,
}

#[derive(Clone, Copy)]
enum ModelSource {
    /// One of the conventional groups of televisions, or the place of the model on Android.
    Conventional,
    /// The words imply this model.
    Is(&'static str),
    /// The text does not contain it.
    Absent,
    /// The first of these models that the text contains.
    Named(&'static [&'static str]),
    /// The letters and digits after one of these marks.
    After(&'static [&'static str]),
    /// The first word that starts with one of these prefixes.
    Word(&'static [&'static str]),
}

struct Rule {
    /// Alternatives, each of which matches if the text contains all its words.
    any: &'static [&'static [&'static str]],
    hardware_type: Option<&'static str>,
    maker: Option<&'static str>,
    model: ModelSource,
    runs: SystemSource,
}

const fn rule(
    any: &'static [&'static [&'static str]],
    hardware_type: Option<&'static str>,
    maker: Option<&'static str>,
    model: ModelSource,
    runs: SystemSource,
) -> Rule {
    Rule { any, hardware_type, maker, model, runs }
}

const BOX: Option<&str> = Some(SET_TOP_BOX);
const CONSOLE: Option<&str> = Some(GAMES_CONSOLE);
const PLAYER: Option<&str> = Some(MEDIA_PLAYER);
const SET: Option<&str> = Some(TV);

/// Rules from the most specific to the most general. The first match decides.
#[rustfmt::skip]
const RULES: &[Rule] = &[
    // Consoles.
    rule(&[&["sony_tv;ps5;"]], CONSOLE, Some("Sony"), ModelSource::Is("PlayStation 5"), SystemSource::On(PLAYSTATION_OS, &[])),
    rule(&[&["sony_tv;ps4;"]], CONSOLE, Some("Sony"), ModelSource::Is("PlayStation 4"), SystemSource::On(PLAYSTATION_OS, &[])),
    rule(&[&["Playstation 5"]], CONSOLE, Some("Sony"), ModelSource::Is("PlayStation 5"), SystemSource::On(PLAYSTATION_OS, &["Playstation 5/"])),
    rule(&[&["PlayStation"], &["PLAYSTATION"], &["Playstation"], &["(PS3)"]], CONSOLE, Some("Sony"),
        ModelSource::Named(&["PlayStation 5", "PlayStation 4", "PLAYSTATION 3", "PlayStation Vita", "PlayStation Portable"]),
        SystemSource::On(PLAYSTATION_OS, &["PlayStation 5/", "PlayStation 5 ", "PlayStation 4/", "PlayStation 4 ", "PLAYSTATION 3 ", "PlayStation Vita "])),
    rule(&[&["Xbox"], &["XBOX_"]], CONSOLE, Some("Microsoft"),
        ModelSource::Named(&["Xbox Series X", "Xbox Series S", "Xbox One X", "Xbox One S", "Xbox One", "Xbox"]), SystemSource::Family("Windows")),
    rule(&[&["Nintendo"]], CONSOLE, Some("Nintendo"),
        ModelSource::Named(&["Nintendo Switch 2", "Nintendo Switch", "Nintendo WiiU", "Nintendo Wii", "Nintendo 3DS", "Nintendo DSi", "Nintendo DS"]), SystemSource::Unknown),
    rule(&[&["OUYA"]], CONSOLE, Some("OUYA"), ModelSource::Is("OUYA"), SystemSource::On(ANDROID, &["Android OUYA ", "Android "])),
    rule(&[&["SteamDeck"], &["Steam Deck"]], CONSOLE, Some("Valve"), ModelSource::Is("Steam Deck"), SystemSource::On(LINUX, &[])),

    // Platforms of a single company. Some of them also send `CrKey`.
    rule(&[&["RokuBrowser"]], SET, None, ModelSource::Conventional, SystemSource::On(ROKU_OS, &["(TV-G000X-"])),
    rule(&[&["Roku/"], &["RokuOS"], &["/DVP-"], &["(Roku"], &["; Roku;"], &["Roku Digital"]], BOX, Some("Roku"),
        ModelSource::After(&["|Roku ", "Roku"]), SystemSource::On(ROKU_OS, &["|RokuOS ", "/DVP-", "RokuOS/", "Roku/Pluto-"])),
    rule(&[&["Vizio Co-Star"]], BOX, Some("VIZIO"), ModelSource::Conventional, SystemSource::UserAgent),
    rule(&[&["(Vizio,"], &["(VIZIO,"]], SET, Some("VIZIO"), ModelSource::Conventional, SystemSource::UserAgent),
    rule(&[&["VIZIO"], &["Vizio"], &["SmartCast"], &["ViziOS"]], SET, Some("VIZIO"),
        ModelSource::After(&[" Model/", "VIZIO "]), SystemSource::UserAgent),
    rule(&[&["AppleTV"], &["Apple TV"], &["AppleTv"], &["appletv"], &["tvOS"]], BOX, Some("Apple"),
        ModelSource::Word(&["AppleTV"]), SystemSource::On(TVOS, &["tvOS ", "tvOS/", "tvOS", "CPU OS ", " iOS/"])),
    rule(&[&["Tizen", "TV"], &["Tizen", "SmartHub"]], SET, Some("Samsung"), ModelSource::Conventional, SystemSource::On(TIZEN, &["Tizen ", "Tizen/"])),
    rule(&[&["olleh tv"], &["SAMSUNG", "OTV-"]], BOX, Some("Samsung"), ModelSource::Word(&["SMT-"]), SystemSource::UserAgent),
    rule(&[&["Maple2"], &["Maple_"], &["Maple 5"], &["Maple 6"], &["SmartHub"], &["SamsungTV"]], SET, Some("Samsung"), ModelSource::Conventional, SystemSource::UserAgent),
    rule(&[&["Web0S"], &["webOS.TV"], &["webOSTV"], &["WEBOS"], &["webOS", "TV"]], SET, Some("LG"),
        ModelSource::Conventional, SystemSource::On(WEBOS, &["WEBOS", "webOS TV ", "webOSTV ", "webOSTV/"])),
    rule(&[&["LG Browser", "BDP"], &["LG NetCast.Media"]], PLAYER, Some("LG"), ModelSource::Conventional, SystemSource::UserAgent),
    rule(&[&["NetCast"], &["LG Browser"], &["LG SimpleSmart"]], SET, Some("LG"), ModelSource::Conventional, SystemSource::UserAgent),
    rule(&[&["VIDAA"]], SET, None, ModelSource::Conventional, SystemSource::UserAgent),

    // Manufacturers with their own name in the text.
    rule(&[&["SonyBDP"], &["Sony-BDP"], &["BDPlayer"], &["SonyCEBrowser", "(BDP"], &["SonyCEBrowser", "(BDV"], &["avdn/sony.bdp"]],
        PLAYER, Some("Sony"), ModelSource::Word(&["BDP9", "BDP-"]), SystemSource::UserAgent),
    rule(&[&["BRAVIA"], &["SVP-DTV"]], SET, Some("Sony"), ModelSource::Conventional, SystemSource::UserAgent),
    rule(&[&["SonyDTV"], &["SonyCEBrowser"], &["Sony", "HbbTV"]], SET, Some("Sony"),
        ModelSource::Word(&["KDL", "KD-", "KD4", "KD5", "KD6", "KD7", "XBR"]), SystemSource::UserAgent),
    rule(&[&["AQUOS-TV"], &["AQUOS_TV"], &["AQUOSBrowser"], &["AQUOS-AS"], &["AQUOS-DMP"]], SET, Some("Sharp"),
        ModelSource::Word(&["LC-", "AQUOS-TV", "AQUOS_TV"]), SystemSource::UserAgent),
    // Blu-ray recorders.
    rule(&[&["DIGA", "FreeBSD"]], PLAYER, Some("Panasonic"), ModelSource::Absent, SystemSource::On(FREE_BSD, &[])),
    rule(&[&["Panasonic", "DIGA"]], PLAYER, Some("Panasonic"), ModelSource::Conventional, SystemSource::UserAgent),
    // The text has `like Android`, but it is not Android.
    rule(&[&["Viera", "FreeBSD"]], SET, Some("Panasonic"), ModelSource::Absent, SystemSource::On(FREE_BSD, &[])),
    rule(&[&[" VIERA"], &["/VIERA"], &["(Viera"], &[" Viera"], &["PANATV"], &["Panasonic.tv"]], SET, Some("Panasonic"), ModelSource::Word(&["TX-", "TC-", "TH-"]), SystemSource::UserAgent),
    rule(&[&["Panasonic.bd"]], PLAYER, Some("Panasonic"), ModelSource::Absent, SystemSource::UserAgent),
    rule(&[&["TSBNetTV"], &["ToshibaTP"]], SET, Some("Toshiba"), ModelSource::Conventional, SystemSource::UserAgent),
    rule(&[&["PHILIPS-AVM"]], PLAYER, Some("Philips"), ModelSource::Conventional, SystemSource::UserAgent),
    rule(&[&["PHILIPSTV"], &["PhilipsTV"]], SET, Some("Philips"), ModelSource::Conventional, SystemSource::UserAgent),
    rule(&[&["#TCL/"]], SET, Some("TCL"), ModelSource::Absent, SystemSource::Unknown),
    rule(&[&["Coolita"]], SET, Some("coocaa"), ModelSource::Absent, SystemSource::UserAgent),
    rule(&[&["FIRETV"]], BOX, Some("Amazon"), ModelSource::Absent, SystemSource::On(FIRE_OS, &[])),
    rule(&[&["GW-Device/"], &["MR-Device/"], &["Sky_OTT"]], BOX, Some("Sky"), ModelSource::Word(&["ES1", "ES2", "ES3", "EM1", "XiOne"]), SystemSource::UserAgent),
    rule(&[&["comcast/ipstb"]], BOX, Some("Comcast"), ModelSource::Absent, SystemSource::UserAgent),
    rule(&[&["ComcastAppPlatform AX0"]], BOX, Some("ARRIS"), ModelSource::Word(&["AX0"]), SystemSource::UserAgent),
    // Comcast's platform also runs on televisions.
    rule(&[&["ComcastAppPlatform"]], None, None, ModelSource::After(&["ComcastAppPlatform "]), SystemSource::UserAgent),
    rule(&[&["TechniSat Digi"]], BOX, Some("TechniSat"), ModelSource::Absent, SystemSource::UserAgent),
    rule(&[&["TechniSat MultyVision"]], SET, Some("TechniSat"), ModelSource::Absent, SystemSource::UserAgent),
    rule(&[&["(Astro;"]], BOX, Some("Astro"), ModelSource::Word(&["AS6"]), SystemSource::Unknown),
    rule(&[&["stbapp"]], BOX, Some("Infomir"), ModelSource::Word(&["MAG2", "MAG3", "MAG4", "MAG5"]), SystemSource::UserAgent),
    rule(&[&["TiVoOS/", "Sharp"]], SET, Some("Sharp"), ModelSource::After(&["Sharp-"]), SystemSource::UserAgent),
    rule(&[&["TiVo-"], &["(TiVo"]], BOX, Some("TiVo"), ModelSource::Conventional, SystemSource::UserAgent),
    rule(&[&["DuneHD/"]], BOX, Some("Dune HD"), ModelSource::Conventional, SystemSource::UserAgent),
    rule(&[&["Westerndigital"], &["WDSimpleBrowser"]], PLAYER, Some("Western Digital"), ModelSource::Conventional, SystemSource::UserAgent),
    rule(&[&["BrightSign/"]], PLAYER, Some("BrightSign"), ModelSource::After(&["("]), SystemSource::UserAgent),
    rule(&[&["Blu-ray Player"]], PLAYER, None, ModelSource::Conventional, SystemSource::UserAgent),
    rule(&[&["GFHD"]], BOX, Some("Google"), ModelSource::Word(&["GFHD"]), SystemSource::UserAgent),

    // Google Cast also runs on speakers, displays and Android televisions.
    rule(&[&["CrKey", "SmartSpeaker"], &["CrKey", "Fuchsia"]], None, Some("Google"), ModelSource::Absent, SystemSource::Family("Linux")),
    rule(&[&["CrKey", "Android"]], None, None, ModelSource::Conventional, SystemSource::UserAgent),
    rule(&[&["CrKey"]], BOX, Some("Google"), ModelSource::Is("Chromecast"), SystemSource::On(CAST_OS, &["CrKey/", "CrKey armv7l "])),

    // Boxes by their product names.
    rule(&[&["; Vodafone TV"]], BOX, Some("Vodafone"), ModelSource::Conventional, SystemSource::UserAgent),
    rule(&[&["Sagemcom-OTT"]], BOX, Some("Sagemcom"), ModelSource::After(&["Sagemcom-OTT-"]), SystemSource::UserAgent),
    rule(&[&["; smart; CX"], &["; smart; VX"], &["; smart; ZAPPIX"]], BOX, Some("Smart Electronic"), ModelSource::Conventional, SystemSource::UserAgent),
    rule(&[&["Skykid/"]], BOX, Some("Skyworth"), ModelSource::Conventional, SystemSource::UserAgent),
    rule(&[&[" STB"], &["|STB"], &["-STB"], &["_STB"], &["STB/"], &["SetTopBox"], &["Set-Top"], &["Freebox"], &["Dreambox"], &["Volksbox"], &["YouView"]],
        BOX, None, ModelSource::Conventional, SystemSource::UserAgent),

    // Yandex's browser for televisions also runs on boxes: only the model reveals the type.
    rule(&[&["YaBrowser/", "TV Safari"], &["YaBrowser/", "Safari/537.36 TV"]], None, None, ModelSource::Conventional, SystemSource::UserAgent),

    // Profiles, browsers and portals of televisions of many manufacturers.
    rule(&[
        &["HbbTV"], &["HBBTV"], &["hbbtv"], &["FVC/"], &["CE-HTML"], &["NETTV"], &["NETRANGE"], &["SmartTvA"],
        &["SMART-TV"], &["SmartTV"], &["Smart TV"], &["Smart-TV"], &["smarttv"], &["smart-tv"], &["TV Safari"],
        &["VSTVB"], &["_TV_"], &["Digital-TV"], &["(DTV"], &["NetTV"], &["InettvBrowser"], &["Espial"], &["(TV;"],
        &["TvBrowser"], &["ANTGalio"], &["Large Screen"], &["Tbrowser"], &["MB9", "Presto"], &["Vestel-MB"],
        &["Model/Hisense"], &["Model/Funai"], &["avui/tv"], &["Hybridcast"],
    ], SET, None, ModelSource::Conventional, SystemSource::UserAgent),
    // These also run on boxes: only the manufacturer reveals the type.
    rule(&[&["OMI/"], &["Opera TV"], &["SRAF/"], &["wired)"], &["Wired)"], &["wireless)"], &["Wireless)"]], None, None, ModelSource::Conventional, SystemSource::UserAgent),
    rule(&[&["GoogleTV"], &["Google TV"], &["Android TV"], &["AndroidTV"], &["Andr0id"], &["diordnA"], &["TV Bro/"], &["Search TV/"]],
        None, None, ModelSource::Conventional, SystemSource::UserAgent),
];

/// Returns the facts of `text`, if it contains a word that is specific to these devices.
pub(super) fn read(text: &str) -> Option<Television<'_>> {
    if let Some(code) = amazon_code(text).filter(|code| is_fire_tv(code)) {
        // The model code implies the rest.
        return Some(Television {
            hardware_type: None,
            maker: None,
            model: Some(code),
            runs: SystemSource::UserAgent,
        });
    }
    let rule = RULES.iter().find(|rule| rule.fits(text))?;
    let maker = rule.maker(text);
    let kind = maker.as_ref().and_then(|maker| maker.hardware_type).or(rule.hardware_type);
    Some(Television {
        hardware_type: kind,
        maker: maker.map(|maker| maker.name),
        model: rule.model(text),
        runs: rule.runs,
    })
}

impl Rule {
    fn fits(&self, text: &str) -> bool {
        self.any.iter().any(|words| words.iter().all(|word| text.contains(word)))
    }

    /// Returns the manufacturer. One in the text takes precedence over that of the platform: other manufacturers also sell
    /// televisions with webOS.
    fn maker<'a>(&self, text: &'a str) -> Option<makers::TelevisionMaker<'a>> {
        let maker =
            if matches!(self.model, ModelSource::Conventional) { conventional::maker(text) } else { None };
        maker.or(self.maker.map(makers::named))
    }

    fn model<'a>(&self, text: &'a str) -> Option<&'a str> {
        match self.model {
            ModelSource::Conventional => conventional::model(text),
            ModelSource::Is(name) => Some(name),
            ModelSource::Absent => None,
            ModelSource::Named(names) => names.iter().copied().find(|name| text.contains(name)),
            ModelSource::After(marks) => marks.iter().find_map(|mark| conventional::code(after(text, mark)?)),
            ModelSource::Word(starts) => conventional::word(text, starts),
        }
    }
}

impl Television<'_> {
    /// Returns the operating system. `found` is the result of the general patterns.
    pub(super) fn system(
        &self,
        text: &str,
        found: impl FnOnce() -> Option<SystemFacts>,
    ) -> Option<SystemFacts> {
        match self.runs {
            SystemSource::Family(family) => found().filter(|found| found.family == Some(family)),
            SystemSource::Unknown => None,
            SystemSource::On(ROKU_OS, marks) => {
                Some(SystemFacts::new(&ROKU_OS, with_short_minor(version_after(text, marks))))
            }
            SystemSource::On(system, marks) => Some(SystemFacts::new(&system, version_after(text, marks))),
            SystemSource::UserAgent => NAMED_SYSTEMS
                .iter()
                .find(|(word, ..)| text.contains(word))
                .map(|(_, system, marks)| SystemFacts::new(system, version_after(text, marks))),
        }
    }
}

/// Operating systems of televisions, by their names in the text.
const NAMED_SYSTEMS: &[(&str, System, &[&str])] = &[
    ("Tizen", TIZEN, &["Tizen ", "Tizen/"]),
    ("Android", ANDROID, &["Android "]),
    ("ANDROID", ANDROID, &["ANDROID "]),
    // The spelling of some browsers, so that web pages do not treat them as phones.
    ("Andr0id", ANDROID, &["Andr0id "]),
    ("diordnA", ANDROID, &["diordnA "]),
    ("GoogleTV", ANDROID, &[]),
    ("Linux", LINUX, &[]),
    ("LINUX", LINUX, &[]),
];

fn version_after(text: &str, marks: &[&str]) -> Version {
    let mut versions = marks
        .iter()
        .filter_map(|mark| after(text, mark))
        .filter(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()));
    versions.next().map_or_else(Version::default, Version::parse)
}

/// Parses a version of Roku OS. Before Roku OS 10, `9.40` means 9.4.0: `DVP-9.40` and `RokuOS 9.4.0` have the same build,
/// 4200.
fn with_short_minor(version: Version) -> Version {
    match version {
        Version { major: major @ 0..10, minor: minor @ 10.., patch: 0, profile } => {
            Version { major, minor: minor / 10, patch: minor % 10, profile }
        }
        other => other,
    }
}

/// Returns the model code of an Amazon device. `uap-core` reports every device with the browser Silk as a Kindle.
pub(super) fn amazon_code(text: &str) -> Option<&str> {
    const SYSTEMS: &[&str] = &["Android", "Andr0id", "Amazon;", "Kepler", "smarttv_"];
    let words = text.split([' ', ';', ')', '/', '_', '-']);
    let mut codes = words.filter(|word| is_amazon_code(word));
    codes.next().filter(|_| SYSTEMS.iter().any(|system| text.contains(system)))
}
