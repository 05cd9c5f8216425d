//! The hardware of a User-Agent.

use ua_parser::device::ValueRef;

use super::{
    super::hardware::{DESKTOP, MOBILE_PHONE, TABLET, UNKNOWN_KIND, handheld_by_words},
    television::{Television, amazon_code, android_model, makers},
};

/// The hardware that a User-Agent names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in super::super) struct DeviceFacts {
    pub(in super::super) model: Option<Box<str>>,
    pub(in super::super) manufacturer: Option<Box<str>>,
    pub(in super::super) hardware_type: Option<&'static str>,
}

impl DeviceFacts {
    /// Returns the size of the texts in bytes.
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

/// The names in `uap-core` for unidentified devices.
const NO_MODELS: &[&str] =
    &["Smartphone", "Feature Phone", "iOS-Device", "Kindle", "Spider", "Browser", "Other"];

/// Words in a User-Agent that imply the hardware type, the most reliable first: there were also phones with Windows and
/// webOS.
const TYPE_WORDS: &[(&str, &str)] = &[
    ("iPad", TABLET),
    ("iPhone", MOBILE_PHONE),
    ("Tablet; rv:", TABLET),
    ("Windows Phone", MOBILE_PHONE),
    ("IEMobile", MOBILE_PHONE),
    ("WPDesktop", MOBILE_PHONE),
    ("XBLWP7", MOBILE_PHONE),
    ("; wds ", MOBILE_PHONE),
    ("Windows CE", UNKNOWN_KIND),
    ("Windows IoT", UNKNOWN_KIND),
    ("PalmSource", MOBILE_PHONE),
    ("hpwOS", TABLET),
    ("(webOS/", MOBILE_PHONE),
    ("X11; ", DESKTOP),
];

/// Maps the result of `uap-core` for `text`, a User-Agent of a system of `family` without words that are specific to
/// televisions.
pub(super) fn read(found: Option<ValueRef<'_>>, family: Option<&str>, text: &str) -> DeviceFacts {
    let (named, brand) = found.map_or((None, None), |found| (found.model, found.brand));
    let named = named.as_deref().map(str::trim).filter(|model| is_model(model));
    let said = || android_model(text).filter(|_| family == Some("Android"));
    let model = amazon_code(text).or(named).or_else(said);
    let brand = brand.as_deref().filter(|brand| !brand.starts_with("Generic") && *brand != "Spider");
    let maker = match brand {
        None => model.and_then(|model| model.split([' ', '_', '-']).next()).and_then(maker_by_word),
        Some(_) => None,
    };
    let kind = maker.as_ref().and_then(|maker| maker.hardware_type);
    let is_handheld = brand.is_some() || model.is_none_or(hides_model);
    DeviceFacts {
        model: model.map(Into::into),
        manufacturer: brand.or(maker.map(|maker| maker.name)).map(Into::into),
        hardware_type: kind.or_else(|| hardware_type(family, is_handheld, model, text)),
    }
}

/// Returns the manufacturer whose name the model starts with. Two of the names are also words in names of phones.
fn maker_by_word(word: &str) -> Option<makers::TelevisionMaker<'static>> {
    makers::known(word).filter(|maker| !["Manhattan", "Pace"].contains(&maker.name))
}

fn is_model(model: &str) -> bool {
    !model.is_empty() && !model.starts_with("Generic") && !NO_MODELS.contains(&model)
}

/// Whether the browser hides the model. Chrome on phones and tablets sends `K` for every model; on televisions it sends the
/// model.
fn hides_model(model: &str) -> bool {
    model == "K"
}

/// Distinguishes Android phones from tablets. Browsers on phones send `Mobile`, and those on tablets usually do not, but
/// unknown boxes do either. The word is therefore only used if the manufacturer is known, or the model is absent.
fn hardware_type(
    family: Option<&str>,
    is_handheld: bool,
    model: Option<&str>,
    text: &str,
) -> Option<&'static str> {
    if let Some((_, kind)) = TYPE_WORDS.iter().find(|(word, _)| text.contains(word)) {
        return Some(kind);
    }
    if let Some(kind) = model.and_then(handheld_by_words) {
        return Some(kind);
    }
    // A User-Agent from which a log file has removed the parentheses is not conclusive.
    let is_browser = (text.contains("Safari/") || text.contains("Gecko/")) && text.contains('(');
    match family {
        // Yandex's browser, on a tablet.
        Some("Android") if text.contains("/apad ") => None,
        Some("Android") if is_browser && is_handheld => {
            Some(if text.contains("Mobile") { MOBILE_PHONE } else { TABLET })
        }
        Some("Tizen") if text.contains("Mobile") => Some(MOBILE_PHONE),
        _ => None,
    }
}
