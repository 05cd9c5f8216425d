//! The type and the manufacturer of a device that does not send them.

mod amazon;
mod handheld;

pub(super) use amazon::{is_code as is_amazon_code, is_fire_tv};
pub(super) use handheld::kind as handheld_by_words;

pub(super) const DESKTOP: &str = "Desktop";
pub(super) const GAMES_CONSOLE: &str = "GamesConsole";
pub(super) const MEDIA_PLAYER: &str = "MediaPlayer";
pub(super) const MOBILE_PHONE: &str = "MobilePhone";
pub(super) const PROJECTOR: &str = "Projector";
pub(super) const SET_TOP_BOX: &str = "SetTopBox";
pub(super) const TABLET: &str = "Tablet";
pub(super) const TV: &str = "TV";
/// For devices that are certainly of none of the types that would be guessed.
pub(super) const UNKNOWN_KIND: &str = "Unknown";
pub(super) const VEHICLE: &str = "VehicleMultimediaSystem";
pub(super) const WRISTWATCH: &str = "Wristwatch";

/// What the model of a device implies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Maker {
    /// The listed hardware type, if the model implies one.
    pub(super) hardware_type: Option<&'static str>,
    /// The manufacturer in its own spelling, if the model implies one.
    pub(super) name: Option<&'static str>,
}

const fn maker_of(hardware_type: &'static str, name: &'static str) -> Maker {
    Maker { hardware_type: Some(hardware_type), name: Some(name) }
}

/// Prefixes of model names, case-insensitive.
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
    ("MiTV-AESP0", maker_of(SET_TOP_BOX, "Xiaomi")),
    ("MiTV-ANSP0", maker_of(SET_TOP_BOX, "Xiaomi")),
    ("MiTV-AYFR0", maker_of(SET_TOP_BOX, "Xiaomi")),
    ("Nintendo", maker_of(GAMES_CONSOLE, "Nintendo")),
    ("PlayStation", maker_of(GAMES_CONSOLE, "Sony")),
    ("PS4", maker_of(GAMES_CONSOLE, "Sony")),
    ("PS5", maker_of(GAMES_CONSOLE, "Sony")),
    ("Roku", maker_of(SET_TOP_BOX, "Roku")),
    ("SHIELD Android TV", maker_of(SET_TOP_BOX, "NVIDIA")),
    ("A350 TV", maker_of(MOBILE_PHONE, "Explay")),
    ("ANBERNIC", maker_of(GAMES_CONSOLE, "ANBERNIC")),
    ("AT&T TV", maker_of(SET_TOP_BOX, "AT&T")),
    ("Bell Streamer", maker_of(SET_TOP_BOX, "Bell")),
    ("BeyondTV", maker_of(TV, "TCL")),
    ("GAMEPAD", maker_of(GAMES_CONSOLE, "Archos")),
    ("GigaTV", maker_of(SET_TOP_BOX, "Vodafone")),
    ("GT-B9150", maker_of(SET_TOP_BOX, "Samsung")),
    ("HEGE-", maker_of(TV, "Huawei")),
    ("KANT-", maker_of(TV, "Huawei")),
    ("LEAP-S1", maker_of(SET_TOP_BOX, "STRONG")),
    ("MAG425A", maker_of(SET_TOP_BOX, "Infomir")),
    ("MK808", maker_of(SET_TOP_BOX, "Rikomagic")),
    ("onn. 4K", maker_of(SET_TOP_BOX, "onn.")),
    ("R-TV BOX", maker_of(SET_TOP_BOX, "R-TV")),
    ("Razer Edge", maker_of(GAMES_CONSOLE, "Razer")),
    ("Retroid Pocket", maker_of(GAMES_CONSOLE, "Retroid")),
    ("TIVO STREAM 4K", maker_of(SET_TOP_BOX, "TiVo")),
    ("TY55_1", maker_of(TV, "Telly")),
    ("VAP430", maker_of(SET_TOP_BOX, "VIZIO")),
    ("Vodafone TV", maker_of(SET_TOP_BOX, "Vodafone")),
    ("XGIMI", maker_of(PROJECTOR, "XGIMI")),
    ("Xbox", maker_of(GAMES_CONSOLE, "Microsoft")),
];

/// Returns what `model` implies; `None` for most Android models.
pub(super) fn maker(model: &str) -> Option<Maker> {
    // The prefix must end at the end of a word or number: `Machine` and `MACHONE` are not Macs, and `PS43D490` is a
    // television.
    let goes_on = |start: &str, rest: &str| match (start.bytes().last(), rest.bytes().next()) {
        (Some(last), Some(next)) => {
            next.is_ascii_lowercase()
                || last.is_ascii_uppercase() && next.is_ascii_uppercase()
                || last.is_ascii_digit() && next.is_ascii_digit()
        }
        _ => false,
    };
    let mut by_name = NAMES.iter().filter(|(name, _)| {
        model
            .split_at_checked(name.len())
            .is_some_and(|(start, rest)| start.eq_ignore_ascii_case(name) && !goes_on(start, rest))
    });
    amazon::maker(model).or_else(|| by_name.next().map(|(_, maker)| *maker))
}

/// Returns the hardware type by words in `model`, for models without a known prefix: `MIBOX4`, `UIW4020-STB`,
/// `Smart TV Pro`, `OLED55C1PUB`, and `43U600KD`, which starts with the diagonal in inches.
pub(super) fn type_by_words(model: &str) -> Option<&'static str> {
    const BOXES: &[&str] = &["BOX", "STB", "STICK", "DONGLE"];
    const SETS: &[&str] = &["TV", "LED", "SHELL"];
    /// Phones and tablets whose names contain such words.
    #[rustfmt::skip]
    const HANDHELDS: &[&str] = &[
        "BTV-", "BNTV", "DTV", "HITV", "HTV3", "LETV X", "NATV", "SMARTV", "STV100", "-TV", "WTVIS", "AVATAR TV", "BEAT TV",
        "MATCH TV", "CINEMATV", "JOY_TV", "JOY7_TV", "EASYNOTE", "SWITCH OLED", "70IT2", "TV808", "KAZAM", "KEMPLER", "LEDSTAR", "MLLED", "AXIS7", "GTVR10", "RUNBO", "TURBOX",
    ];
    let model = model.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| model.contains(word));
    if has(HANDHELDS) {
        None
    } else if has(BOXES) {
        Some(SET_TOP_BOX)
    } else {
        (has(SETS) || begins_with_inches(&model)).then_some(TV)
    }
}

/// Whether `model` starts with two digits that are the size of a television, followed by two letters, or by a letter and
/// three digits.
fn begins_with_inches(model: &str) -> bool {
    const INCHES: &[&str] = &[
        "24", "32", "39", "40", "42", "43", "48", "49", "50", "55", "58", "65", "70", "75", "77", "83", "85",
        "86",
    ];
    let Some((size, rest)) = model.split_at_checked(2) else { return false };
    let letters = rest.bytes().take_while(u8::is_ascii_uppercase).count();
    let digits = rest.bytes().skip(letters).take_while(u8::is_ascii_digit).count();
    INCHES.contains(&size) && (letters > 1 || letters == 1 && digits > 2)
}

/// Returns the hardware type by the operating system, the last resort. Android and Linux run on every type, and iOS on both
/// phones and tablets, so they imply nothing.
pub(super) fn type_by_family(family: &str) -> Option<&'static str> {
    match family {
        "PlayStation OS" => Some(GAMES_CONSOLE),
        "Roku OS" | "tvOS" => Some(SET_TOP_BOX),
        "Tizen" | "webOS" => Some(TV),
        "BSD" | "Windows" | "macOS" => Some(DESKTOP),
        _ => None,
    }
}
