//! What kind of thing a device is and who made it, where it does not say so itself.

pub(super) const DESKTOP: &str = "Desktop";
pub(super) const GAMES_CONSOLE: &str = "GamesConsole";
pub(super) const MEDIA_PLAYER: &str = "MediaPlayer";
pub(super) const MOBILE_PHONE: &str = "MobilePhone";
pub(super) const SET_TOP_BOX: &str = "SetTopBox";
pub(super) const TABLET: &str = "Tablet";
pub(super) const TV: &str = "TV";
pub(super) const WRISTWATCH: &str = "Wristwatch";

/// What the model of a device tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Maker {
    /// The listed hardware type.
    pub(super) hardware_type: &'static str,
    /// The company, as it writes itself.
    pub(super) name: &'static str,
}

const fn maker_of(hardware_type: &'static str, name: &'static str) -> Maker {
    Maker { hardware_type, name }
}

/// Beginnings of model codes, after which capitals and digits go on. All Amazon devices have one of these:
/// Fire TV sticks, boxes and sets the first, Fire tablets the second.
const CODES: &[(&str, Maker)] =
    &[("AFT", maker_of(SET_TOP_BOX, "Amazon")), ("KF", maker_of(TABLET, "Amazon"))];

/// Beginnings of model names, in whatever capitals.
const NAMES: &[(&str, Maker)] = &[
    ("AppleTV", maker_of(SET_TOP_BOX, "Apple")),
    ("Apple TV", maker_of(SET_TOP_BOX, "Apple")),
    ("Apple Watch", maker_of(WRISTWATCH, "Apple")),
    ("iMac", maker_of(DESKTOP, "Apple")),
    ("iPad", maker_of(TABLET, "Apple")),
    ("iPhone", maker_of(MOBILE_PHONE, "Apple")),
    ("iPod", maker_of(MEDIA_PLAYER, "Apple")),
    ("Mac", maker_of(DESKTOP, "Apple")),
    ("Macmini", maker_of(DESKTOP, "Apple")),
    ("BRAVIA", maker_of(TV, "Sony")),
    ("Chromecast", maker_of(SET_TOP_BOX, "Google")),
    ("Google TV Streamer", maker_of(SET_TOP_BOX, "Google")),
    ("Nintendo", maker_of(GAMES_CONSOLE, "Nintendo")),
    ("PlayStation", maker_of(GAMES_CONSOLE, "Sony")),
    ("PS4", maker_of(GAMES_CONSOLE, "Sony")),
    ("PS5", maker_of(GAMES_CONSOLE, "Sony")),
    ("Roku", maker_of(SET_TOP_BOX, "Roku")),
    ("SHIELD Android TV", maker_of(SET_TOP_BOX, "NVIDIA")),
    ("Xbox", maker_of(GAMES_CONSOLE, "Microsoft")),
];

/// What `model` tells of a device; nothing for most Android models.
pub(super) fn maker(model: &str) -> Option<Maker> {
    let by_code = CODES.iter().find(|(code, _)| {
        let rest = model.strip_prefix(code).unwrap_or_default();
        rest.starts_with(|letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit())
    });
    // A word that goes on in small letters is another word: `Machine` is no Mac.
    let by_name = NAMES.iter().filter(|(name, _)| {
        model.split_at_checked(name.len()).is_some_and(|(start, rest)| {
            start.eq_ignore_ascii_case(name) && !rest.starts_with(|letter: char| letter.is_ascii_lowercase())
        })
    });
    by_code.into_iter().chain(by_name).map(|(_, maker)| *maker).next()
}

/// What words in `model` tell where its beginning tells nothing: `MIBOX4`, `UIW4020-STB`, `Smart TV Pro`.
pub(super) fn type_by_words(model: &str) -> Option<&'static str> {
    let model = model.to_ascii_uppercase();
    if model.contains("BOX") || model.contains("STB") {
        Some(SET_TOP_BOX)
    } else {
        model.contains("TV").then_some(TV)
    }
}

/// What the operating system tells where nothing else does. Android and Linux run on everything; iOS runs on
/// phones and tablets, so it tells nothing either.
pub(super) fn type_by_family(family: &str) -> Option<&'static str> {
    match family {
        "PlayStation OS" => Some(GAMES_CONSOLE),
        "Roku OS" | "tvOS" => Some(SET_TOP_BOX),
        "Tizen" | "webOS" => Some(TV),
        "BSD" | "Windows" | "macOS" => Some(DESKTOP),
        _ => None,
    }
}
