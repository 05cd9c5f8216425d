//! Phones, tablets and watches by their models. A browser on Android says `Mobile` on a phone and not on a tablet, but many
//! on tablets say it all the same, and a phone that unfolds does not: a model that is known decides.

use super::{MOBILE_PHONE, TABLET, WRISTWATCH};

/// Words that end with `PAD` in the names of what is no tablet.
const NO_PADS: &[&str] = &[
    "CARPAD",
    "CLEVER PAD",
    "COOLPAD",
    "EVPAD",
    "GAMEPAD",
    "GPAD",
    "KLIPAD",
    "MUSICPAD",
    "TECH PAD",
    "TECHPAD",
    "TELPAD",
    "THINKPAD",
    "TVPAD",
];

/// What `model` tells; nothing for most.
pub(in super::super) fn kind(model: &str) -> Option<&'static str> {
    if !model.is_ascii() {
        return None;
    }
    let capitals = model.to_ascii_uppercase();
    samsung(&capitals)
        .or_else(|| google(&capitals))
        .or_else(|| is_tablet(model, &capitals).then_some(TABLET))
        .or_else(|| capitals.contains("WATCH").then_some(WRISTWATCH))
        .or_else(|| capitals.contains("PHONE").then_some(MOBILE_PHONE))
}

/// Samsung's letter after `SM-` is the family.
fn samsung(model: &str) -> Option<&'static str> {
    let code = |mark| model.split_once(mark).map(|(_, rest)| rest);
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    if code("GT-P").is_some_and(|rest| digits(rest) == 4) {
        return Some(TABLET);
    }
    if code("GT-N").is_some_and(|rest| rest.starts_with("51") || rest.starts_with("80")) {
        return Some(TABLET);
    }
    let rest = code("SM-")?;
    let digits = digits(rest.get(1..)?);
    match rest.as_bytes()[0] {
        b'P' | b'T' | b'X' if digits == 3 => Some(TABLET),
        b'A' | b'C' | b'E' | b'F' | b'G' | b'J' | b'M' | b'N' | b'S' | b'W' if digits > 0 => {
            Some(MOBILE_PHONE)
        }
        b'L' | b'R' if digits > 0 => Some(WRISTWATCH),
        _ => None,
    }
}

fn google(model: &str) -> Option<&'static str> {
    if let Some(rest) = model.strip_prefix("NEXUS ") {
        return match rest.split([' ', '_']).next()? {
            "7" | "9" | "10" => Some(TABLET),
            "4" | "5" | "5X" | "6" | "6P" | "ONE" | "S" => Some(MOBILE_PHONE),
            _ => None,
        };
    }
    let rest = model.strip_prefix("PIXEL ")?;
    let is_phone = rest.starts_with(|letter: char| letter.is_ascii_digit()) || ["XL", "FOLD"].contains(&rest);
    is_phone.then_some(MOBILE_PHONE)
}

/// Names that say so, and codes that makers of nothing else have: Lenovo's `TB-8505F`, Huawei's `AGS2-W09`, `MID7015A`.
fn is_tablet(model: &str, capitals: &str) -> bool {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let begins_with_digit = |text: &str| text.starts_with(|letter: char| letter.is_ascii_digit());
    let words = || capitals.split([' ', '_', '-', '.']);
    let is_named = words().any(|word| {
        word == "TABLET"
            || word.strip_prefix("TAB").is_some_and(|rest| is_digits(rest.strip_prefix('S').unwrap_or(rest)))
            || word.strip_prefix("MID").is_some_and(begins_with_digit)
            || word.strip_prefix("TB").is_some_and(begins_with_digit)
            || word.trim_end_matches(|letter: char| letter.is_ascii_digit()).ends_with("PAD")
    });
    let is_camel = model.split([' ', '_', '-']).any(|word| word.len() > 3 && word.ends_with("Tab"));
    let codes = || capitals.split(' ').filter_map(|word| word.split_once('-'));
    let has_code = codes().any(|(family, rest)| {
        family == "TB" && begins_with_digit(rest)
            || (3..=4).contains(&family.len())
                && family.bytes().take(3).all(|byte| byte.is_ascii_uppercase())
                && rest.strip_prefix('W').is_some_and(|rest| rest.len() >= 2 && begins_with_digit(rest))
    });
    (is_named || is_camel || has_code) && !NO_PADS.iter().any(|word| capitals.contains(word))
}
