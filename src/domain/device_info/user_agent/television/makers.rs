//! Manufacturers of televisions and boxes: their spelling in User-Agents, and their own spelling.

use super::super::super::{hardware::SET_TOP_BOX, vocabulary::same_word};

pub(in super::super) struct TelevisionMaker<'a> {
    pub(in super::super) name: &'a str,
    /// The type of all devices of this manufacturer, if they are of one type.
    pub(in super::super) hardware_type: Option<&'static str>,
}

/// Manufacturers of televisions: the spelling in User-Agents (ignoring case, spaces, dashes and underscores), and their own
/// spelling.
#[rustfmt::skip]
const TELEVISIONS: &[(&str, &str)] = &[
    ("Aiwa", "Aiwa"), ("Akai", "Akai"), ("AldiNord", "Aldi Nord"), ("AldiSued", "Aldi Süd"), ("Altus", "Altus"),
    ("Amazon", "Amazon"), ("AOC", "AOC"), ("Arcelik", "Arçelik"), ("Asano", "Asano"),
    ("Atvio", "Atvio"), ("AWOX", "AWOX"), ("AXEN", "AXEN"), ("BBK", "BBK"), ("Beko", "Beko"),
    ("Blaupunkt", "Blaupunkt"), ("Blaupunkt_UMC", "Blaupunkt"), ("BOTECH", "Botech"), ("Bush", "Bush"),
    ("Celcus", "Celcus"), ("Changhong", "Changhong"), ("Crown", "Crown"), ("Daewoo", "Daewoo"), ("DEXP", "DEXP"),
    ("Digihome", "Digihome"), ("Digma", "Digma"), ("Dyon", "Dyon"), ("Finlux", "Finlux"), ("Funai", "Funai"),
    ("Grundig", "Grundig"), ("HHW_HAIER", "Haier"), ("Haier", "Haier"), ("Hisense", "Hisense"),
    ("HiSmartTV", "Hisense"), ("Hitachi", "Hitachi"), ("Hyundai", "Hyundai"), ("JVC", "JVC"), ("JVC-CVTE", "JVC"), ("K&M", "Krüger&Matz"),
    ("Kalley", "Kalley"), ("KIVI", "KIVI"), ("Kogan", "Kogan"), ("Konka", "Konka"), ("LGE", "LG"), ("LG", "LG"),
    ("Linsar", "Linsar"), ("Loewe", "Loewe"), ("Luxor", "Luxor"), ("Medion", "Medion"), ("Metz", "Metz"),
    ("MiTV", "Xiaomi"), ("Nordmende", "Nordmende"), ("Onida", "Onida"), ("OK", "ok."), ("Orion", "Orion"),
    ("Panasonic", "Panasonic"), ("Panasonic_S", "Panasonic"), ("Philco", "Philco"), ("Philips", "Philips"), ("Pioneer", "Pioneer"),
    ("Polaroid", "Polaroid"), ("Profilo", "Profilo"), ("RCA", "RCA"), ("RCA-OEM", "RCA"), ("Rombica", "Rombica"), ("Saba", "Saba"),
    ("Samsung", "Samsung"), ("Schneider", "Schneider"), ("SEG", "SEG"), ("Sharp", "Sharp"), ("UMC-Sharp", "Sharp"), ("Sharp_UMC_LCDTV", "Sharp"), ("Sharp_UMC", "Sharp"),
    ("Skyworth", "Skyworth"), ("SWTV", "Skyworth"), ("Sony", "Sony"), ("Sunny", "Sunny"), ("TCL", "TCL"),
    ("SCBC", "TCL"), ("TDSystems", "TD Systems"), ("TPVision", "Philips"), ("TechniSat", "TechniSat"), ("Techwood", "Techwood"), ("Telefunken", "Telefunken"),
    ("Tesla", "Tesla"), ("Thomson", "Thomson"), ("Toshiba", "Toshiba"), ("Vestel", "Vestel"), ("Vizio", "VIZIO"),
    ("WeByLoewe", "Loewe"), ("Xiaomi", "Xiaomi"),
];

/// Manufacturers whose devices with such User-Agents are all set-top boxes.
const BOXES: &[(&str, &str)] = &[
    ("Airties", "AirTies"),
    ("Altech UEC", "Altech UEC"),
    ("Amino", "Amino"),
    ("ARRIS", "ARRIS"),
    ("Arris_liberty", "ARRIS"),
    ("Beelink", "Beelink"),
    ("CreNova", "CreNova"),
    ("DMM", "Dream Multimedia"),
    ("EchoStar", "EchoStar"),
    ("Formuler", "Formuler"),
    ("Freesat", "Freesat"),
    ("Google Fiber", "Google"),
    ("Humax", "Humax"),
    ("Humax_liberty", "Humax"),
    ("Intek", "Intek"),
    ("Inverto", "Inverto"),
    ("Manhattan", "Manhattan"),
    ("MECOOL", "Mecool"),
    ("Minix", "Minix"),
    ("MMI", "ARRIS"),
    ("MyGica", "MyGica"),
    ("NEXBOX", "NEXBOX"),
    ("Orbsmart", "Orbsmart"),
    ("Pace", "Pace"),
    ("Sagemcom", "Sagemcom"),
    ("Sagemcom_Broadband_SAS", "Sagemcom"),
    ("Selevision", "Selevision"),
    ("RKM", "Rikomagic"),
    ("TechnoTrend Goerler", "TechnoTrend"),
    ("Technicolor", "Technicolor"),
    ("TiVo", "TiVo"),
    ("TranSpeed", "Transpeed"),
    ("Ugoos", "Ugoos"),
    ("VONTAR", "Vontar"),
    ("VORKE", "Vorke"),
    ("WIWA", "WIWA"),
    ("YUNDOO", "Yundoo"),
    ("ZIDOO", "Zidoo"),
];

/// Words in the place of a manufacturer that are not one: browsers, profiles and software vendors.
const PLACEHOLDERS: &[&str] = &[
    "OEM",
    "TV",
    "MWB",
    "SRAF",
    "Seraphic",
    "VIDAA",
    "Hotel",
    "Opera Software",
    "Freesat/1.0",
    "MStar",
    "smart",
    "MTK",
    "Arcelik_Gen3",
    "MediaTek",
    "TalkTalk STB",
    "BBC_CUSTOMERS",
    "THTF_CVTE",
    "TEST",
    "Eurofins_Digital_Testing",
];

/// Returns the manufacturer that `text` names. An unknown one keeps its spelling.
pub(super) fn read(text: &str) -> Option<TelevisionMaker<'_>> {
    // `LGE/KONKA/FOX`: the platform's vendor, the factory, and the brand.
    let brand = text.rsplit('/').next().unwrap_or(text).trim();
    let brand = brand.strip_prefix("CUS:").unwrap_or(brand);
    if PLACEHOLDERS.iter().any(|word| same_word(word, brand)) {
        return None;
    }
    known(brand).or_else(|| is_name(brand).then_some(TelevisionMaker { name: brand, hardware_type: None }))
}

/// Returns the manufacturer that `text` names, if it is known.
pub(in super::super) fn known(text: &str) -> Option<TelevisionMaker<'static>> {
    let find = |list: &'static [(&str, &str)]| {
        list.iter().find(|(written, _)| same_word(written, text)).map(|(_, name)| *name)
    };
    let television = || Some(named(find(TELEVISIONS)?));
    let set_top_box = || Some(TelevisionMaker { hardware_type: Some(SET_TOP_BOX), ..named(find(BOXES)?) });
    set_top_box().or_else(television)
}

/// Creates a manufacturer from its own spelling.
pub(super) fn named(name: &'static str) -> TelevisionMaker<'static> {
    TelevisionMaker { name, hardware_type: None }
}

/// Whether text in the place of a manufacturer can be a name: a letter, then letters, spaces, `-`,
/// `_` and `&`, 3 to 24 characters in total. Versions and codes have digits.
fn is_name(text: &str) -> bool {
    (3..=24).contains(&text.chars().count())
        && text.starts_with(char::is_alphabetic)
        && text.chars().all(|letter| letter.is_alphabetic() || matches!(letter, ' ' | '-' | '_' | '&'))
}
