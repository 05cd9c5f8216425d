//! The hardware behind a User-Agent.

use ua_parser::device::ValueRef;

use super::super::hardware::{DESKTOP, GAMES_CONSOLE, MOBILE_PHONE, SET_TOP_BOX, TABLET, TV};

/// The hardware that a User-Agent names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in super::super) struct DeviceFacts {
    pub(in super::super) model: Option<Box<str>>,
    pub(in super::super) manufacturer: Option<Box<str>>,
    pub(in super::super) hardware_type: Option<&'static str>,
}

impl DeviceFacts {
    /// How many bytes of text this holds.
    pub(super) fn text_len(&self) -> usize {
        self.model.as_deref().map_or(0, str::len) + self.manufacturer.as_deref().map_or(0, str::len)
    }
}

/// Words of `uap-core` for devices that it can't name.
const NO_MODELS: &[&str] = &["Smartphone", "Feature Phone", "iOS-Device", "Kindle", "Spider", "Other"];

/// Consoles and boxes that `uap-core` has no model for, or only a vague one. Of two that both fit, the one
/// that stands first says more.
const MODELS: &[&str] = &["Xbox Series X", "Xbox One", "Xbox", "Nintendo Switch"];

/// Words in a User-Agent that tell the type of hardware, the surest first: applications on TVs run in the
/// same web views as those on phones, and say `Mobile` as well.
const TYPE_WORDS: &[(&str, &str)] = &[
    ("PlayStation", GAMES_CONSOLE),
    ("Xbox", GAMES_CONSOLE),
    ("Nintendo", GAMES_CONSOLE),
    ("CrKey", SET_TOP_BOX),
    ("Apple TV", SET_TOP_BOX),
    ("AppleTV", SET_TOP_BOX),
    ("SMART-TV", TV),
    ("SmartTV", TV),
    ("Smart TV", TV),
    ("HbbTV", TV),
    ("Android TV", SET_TOP_BOX),
    ("AndroidTV", SET_TOP_BOX),
    ("GoogleTV", SET_TOP_BOX),
    ("iPad", TABLET),
    ("iPhone", MOBILE_PHONE),
    ("X11; ", DESKTOP),
];

/// Reads what `uap-core` found in `text`, a User-Agent of a system of `family`.
pub(super) fn read(found: Option<ValueRef<'_>>, family: Option<&str>, text: &str) -> DeviceFacts {
    let (named, brand) = found.map_or((None, None), |found| (found.model, found.brand));
    let named = named.as_deref().map(str::trim).filter(|model| is_model(model));
    let model =
        amazon_code(text).or_else(|| MODELS.iter().copied().find(|model| text.contains(model))).or(named);
    let brand = brand.as_deref().filter(|brand| !brand.starts_with("Generic") && *brand != "Spider");
    DeviceFacts {
        model: model.map(Into::into),
        manufacturer: brand.map(Into::into),
        hardware_type: hardware_type(family, text),
    }
}

fn is_model(model: &str) -> bool {
    !model.is_empty() && !model.starts_with("Generic") && !NO_MODELS.contains(&model)
}

/// The model code of an Amazon device. `uap-core` calls everything with the browser Silk a Kindle.
fn amazon_code(text: &str) -> Option<&str> {
    let words = text.split([' ', ';', ')', '/']);
    let mut codes = words.filter(|word| {
        let code = word.strip_prefix("AFT").or_else(|| word.strip_prefix("KF")).unwrap_or_default();
        !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    });
    codes.next().filter(|_| text.contains("Android"))
}

fn hardware_type(family: Option<&str>, text: &str) -> Option<&'static str> {
    if let Some((_, kind)) = TYPE_WORDS.iter().find(|(word, _)| text.contains(word)) {
        return Some(kind);
    }
    // Browsers on Android phones say `Mobile` and those on tablets don't; other applications say neither.
    if matches!(family, Some("Android" | "Tizen")) && text.contains("Safari/") {
        return Some(if text.contains("Mobile") { MOBILE_PHONE } else { TABLET });
    }
    None
}
