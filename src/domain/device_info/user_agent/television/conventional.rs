//! Manufacturer and model of televisions in the conventional groups of their User-Agents.

use super::{super::after, makers};

/// Words in the place of a model that are not one.
const NO_MODELS: &[&str] =
    &["SmartTV", "Smart TV", "webOSTV", "WEBOS", "NetCast", "Android TV", "RC_V2", "Si21", "Mxl66", "com."];

/// A manufacturer and a model, as in the text.
type MakerAndModel<'a> = (&'a str, &'a str);

/// Returns the manufacturer that `text` names.
pub(super) fn maker(text: &str) -> Option<makers::TelevisionMaker<'_>> {
    pairs(text)
        .find_map(|(maker, _)| makers::read(maker))
        .or_else(|| makers::known(vendor(text)?))
        .or_else(|| text.split('(').find_map(|group| makers::known(group.split(';').next()?)))
        .or_else(|| makers::known(android_model(text)?.split([' ', '_', '-']).next()?))
}

/// Returns the model that `text` names.
pub(super) fn model(text: &str) -> Option<&str> {
    let said = pairs(text).map(|(_, model)| model).chain(android_model(text));
    said.map(str::trim).find(|model| is_model(model))
}

fn pairs(text: &str) -> impl Iterator<Item = MakerAndModel<'_>> {
    [vidaa(text), hbbtv(text), lg(text), wired(text), freeview(text), tivo(text)].into_iter().flatten()
}

/// `HbbTV/1.5.1 (+DRM; Maker; Model; …)`: ETSI TS 102 796, section 7.3.2.4. A television with software of several vendors may
/// have two such groups; the last one is the manufacturer's.
fn hbbtv(text: &str) -> Option<MakerAndModel<'_>> {
    let (_, rest) = text.rsplit_once("HbbTV/").or_else(|| text.rsplit_once("HBBTV/"))?;
    let mut fields = after(rest, "(")?.split([';', ')']).skip(1);
    Some((fields.next()?, fields.next()?))
}

/// `VIDAA/6.0(Maker;SmartTV;Model;…)`.
fn vidaa(text: &str) -> Option<MakerAndModel<'_>> {
    let mut fields = after(after(text, "VIDAA/")?, "(")?.split([';', ')']);
    Some((fields.next()?, fields.nth(1)?))
}

/// `LG Browser/6.00.00(…; LGE; Model; …)`, and the same without a name.
fn lg(text: &str) -> Option<MakerAndModel<'_>> {
    let rest = after(text, "LGE;").or_else(|| after(text, "LGE ;"))?;
    let model = rest.split([';', ')']).next()?.trim();
    Some(("LGE", model.strip_prefix("Media/").unwrap_or(model)))
}

/// `(Maker, Model, wired)`: the last group of televisions with Netflix.
fn wired(text: &str) -> Option<MakerAndModel<'_>> {
    text.split('(').skip(1).find_map(|group| {
        let group = group.split(')').next()?;
        let mut fields = group.split(',');
        let (maker, model, network) = (fields.next()?, fields.next()?, fields.next()?);
        let network = network.trim_start();
        network.get(..4).filter(|start| start.eq_ignore_ascii_case("wire")).map(|_| (maker, model))
    })
}

/// `FVC/1.0 (Maker; Model;)`: Freeview Play.
fn freeview(text: &str) -> Option<MakerAndModel<'_>> {
    let mut fields = after(after(text, "FVC/")?, "(")?.split([';', ')']);
    Some((fields.next()?, fields.next()?))
}

/// `Vendor/MAKER;`, `Model/Maker-Model` and `avdn/MAKER-v.tv`.
fn vendor(text: &str) -> Option<&str> {
    let rest = ["Vendor/", "Model/", "avdn/"].iter().find_map(|mark| after(text, mark))?;
    rest.split([';', '-', ' ', ')']).next()
}

/// `Vestel MB181 FINLUX` after `TiVoOS/1.0.0`: the factory, the board, and the brand.
fn tivo(text: &str) -> Option<MakerAndModel<'_>> {
    let group = after(after(text, "TiVoOS/")?, "(Vestel ")?.split(')').next()?;
    group.split_once(' ').map(|(model, maker)| (maker, model))
}

/// `Android 10; Model Build/…`; old ones have a locale before the model.
pub(in super::super) fn android_model(text: &str) -> Option<&str> {
    let rest = ["Android", "Andr0id", "diordnA", "GoogleTV"].iter().find_map(|word| after(text, word))?;
    let rest = after(rest, ";").filter(|_| rest.find(')') > rest.find(';') || !rest.contains(')'))?;
    let inside = rest.split(')').next()?;
    // Some log files have removed the parentheses.
    let inside = inside.split(" AppleWebKit").next()?;
    let mut fields = inside.split(';').map(|field| {
        [" Build", " ("].iter().fold(field, |field, end| field.split(end).next().unwrap_or(field)).trim()
    });
    fields.find(|field| field.len() > 2 && !is_locale(field) && !is_platform(field))
}

/// `en-US`, `en_us` or `zh-Hans-CN`.
fn is_locale(field: &str) -> bool {
    let mut parts = field.split(['-', '_']);
    let is_language =
        |part: &str| part.len() == 2 && part.ends_with(|letter: char| letter.is_ascii_lowercase());
    let is_rest = |part: &str| part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    parts.next().is_some_and(is_language) && field.len() > 2 && parts.all(is_rest)
}

/// Whether a field next to the model is the platform.
fn is_platform(field: &str) -> bool {
    const WORDS: &[&str] = &["arm", "arm_64", "x86", "x86_64", "HarmonyOS", "Mobile", "Tablet"];
    const STARTS: &[&str] = &["rv:", "HMSCore ", "Chrome/", "wv"];
    WORDS.contains(&field) || STARTS.iter().any(|start| field.starts_with(start))
}

/// Returns the leading letters, digits and dashes of `rest`.
pub(super) fn code(rest: &str) -> Option<&str> {
    let end =
        rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-').unwrap_or(rest.len());
    Some(&rest[..end]).filter(|code| code.bytes().any(|byte| byte.is_ascii_digit()))
}

/// Returns the first word of `text` that starts with one of `starts`.
pub(super) fn word<'a>(text: &'a str, starts: &[&str]) -> Option<&'a str> {
    let mut words = text.split([' ', ';', '(', ')', '/']).map(|word| word.trim_end_matches(','));
    words.find(|word| starts.iter().any(|start| word.starts_with(start)))
}

fn is_model(model: &str) -> bool {
    model.len() > 1
        && model.bytes().any(|byte| byte.is_ascii_alphanumeric())
        && !NO_MODELS.iter().any(|word| model.starts_with(word))
        && makers::known(model).is_none()
}
