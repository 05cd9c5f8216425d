//! The hardware behind a User-Agent.

use ua_parser::device::ValueRef;

use super::{
    super::hardware::{DESKTOP, MOBILE_PHONE, TABLET},
    television::{Television, amazon_code},
};

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

impl From<Television<'_>> for DeviceFacts {
    fn from(television: Television<'_>) -> Self {
        Self {
            model: television.model.map(Into::into),
            manufacturer: television.maker.map(Into::into),
            hardware_type: television.hardware_type,
        }
    }
}

/// Words of `uap-core` for devices that it can't name.
const NO_MODELS: &[&str] = &["Smartphone", "Feature Phone", "iOS-Device", "Kindle", "Spider", "Other"];

/// Words in a User-Agent that tell the type of hardware, the surest first.
const TYPE_WORDS: &[(&str, &str)] =
    &[("iPad", TABLET), ("iPhone", MOBILE_PHONE), ("Tablet; rv:", TABLET), ("X11; ", DESKTOP)];

/// Reads what `uap-core` found in `text`, a User-Agent of a system of `family` that has no word of a
/// television.
pub(super) fn read(found: Option<ValueRef<'_>>, family: Option<&str>, text: &str) -> DeviceFacts {
    let (named, brand) = found.map_or((None, None), |found| (found.model, found.brand));
    let named = named.as_deref().map(str::trim).filter(|model| is_model(model));
    let model = amazon_code(text).or(named);
    let brand = brand.as_deref().filter(|brand| !brand.starts_with("Generic") && *brand != "Spider");
    DeviceFacts {
        model: model.map(Into::into),
        manufacturer: brand.map(Into::into),
        hardware_type: hardware_type(family, brand.is_some() || model.is_none_or(is_veiled), text),
    }
}

fn is_model(model: &str) -> bool {
    !model.is_empty() && !model.starts_with("Generic") && !NO_MODELS.contains(&model)
}

/// Chrome on phones and tablets calls every model `K`; on televisions it names them.
fn is_veiled(model: &str) -> bool {
    model == "K"
}

/// Browsers on Android phones say `Mobile` and those on tablets don't, but boxes that nobody knows say either:
/// so that counts where the maker is known, or the model isn't told.
fn hardware_type(family: Option<&str>, is_handheld: bool, text: &str) -> Option<&'static str> {
    if let Some((_, kind)) = TYPE_WORDS.iter().find(|(word, _)| text.contains(word)) {
        return Some(kind);
    }
    let is_browser = text.contains("Safari/") || text.contains("Gecko/");
    match family {
        Some("Android") if is_browser && is_handheld => {
            Some(if text.contains("Mobile") { MOBILE_PHONE } else { TABLET })
        }
        Some("Tizen") if text.contains("Mobile") => Some(MOBILE_PHONE),
        _ => None,
    }
}
