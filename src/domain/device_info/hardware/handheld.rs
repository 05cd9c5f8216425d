//! Phones, tablets and watches by their models. Android browsers are supposed to send `Mobile` on phones but not on tablets.
//! Many on tablets send it nevertheless, and foldable phones do not, so a known model takes precedence.

use super::{MOBILE_PHONE, TABLET, WRISTWATCH};

/// Words that end with `PAD` in the names of devices other than tablets.
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

/// The families of Huawei's and Honor's tablets. Those of their phones have the same form.
const HUAWEIS: &[&str] = &[
    "AGM", "AGR", "AGS", "BAH", "BGO", "BKY", "BRT", "BTK", "BTV", "BVE", "BZA", "BZC", "BZD", "BZI", "BZK",
    "BZT", "BZW", "CGA", "CMR", "CPN", "DBR", "DBY", "ELN", "FDR", "GDI", "GOT", "HDL", "HDN", "HEY", "HMW",
    "JDN", "JMS", "KJR", "KOB", "KRJ", "MON", "MRO", "MRR", "MRX", "NDL", "PCE", "ROD", "ROL", "SCM", "SHT",
    "TGR", "VRD", "WEB", "WGR",
];

/// Returns the hardware type of `model`; `None` for most models.
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

/// Returns the type of a Samsung device. The letter after `SM-` is its family.
fn samsung(model: &str) -> Option<&'static str> {
    let code = |mark| model.split_once(mark).map(|(_, rest)| rest);
    if code("GT-P").is_some_and(|rest| digits(rest) == 4) {
        return Some(TABLET);
    }
    if code("GT-N").is_some_and(|rest| rest.starts_with("51") || rest.starts_with("80")) {
        return Some(TABLET);
    }
    let rest = code("SM-")?;
    match (rest.as_bytes().first()?, digits(rest.get(1..)?)) {
        (b'P' | b'T' | b'X', 3) => Some(TABLET),
        (b'A' | b'C' | b'E' | b'F' | b'G' | b'J' | b'M' | b'N' | b'S' | b'W', 1..) => Some(MOBILE_PHONE),
        (b'L' | b'R', 1..) => Some(WRISTWATCH),
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

/// Whether the name says that it is a tablet, or only tablets have such a code: Lenovo's `TB-8505F`, Huawei's `AGS2-W09`,
/// `MID7015A`.
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
    let has_code = capitals
        .split(' ')
        .filter_map(|word| word.split_once('-'))
        .any(|(family, rest)| family == "TB" && begins_with_digit(rest) || is_huaweis(family, rest));
    (is_named || is_camel || has_code) && !NO_PADS.iter().any(|word| capitals.contains(word))
}

/// Whether this is a Huawei tablet, such as `KOB2-L03`. Those with `W` and two digits have only Wi-Fi.
fn is_huaweis(family: &str, rest: &str) -> bool {
    let family = family.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let letters = rest.bytes().take_while(u8::is_ascii_uppercase).count();
    let is_code = family.len() == 3 && (1..=2).contains(&letters) && digits(&rest[letters..]) == 2;
    is_code && (rest.starts_with('W') || HUAWEIS.contains(&family))
}

/// Returns the number of leading digits.
fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unambiguous_models_imply_their_type() {
        for (model, expected) in [
            ("SM-T575", Some(TABLET)),
            ("SAMSUNG SM-X306B", Some(TABLET)),
            ("GT-P1000M", Some(TABLET)),
            ("SM-F936U", Some(MOBILE_PHONE)),
            ("SM-T2558", None),
            ("SM-R820", Some(WRISTWATCH)),
            ("SM-", None),
            ("Lenovo TB-8505F", Some(TABLET)),
            ("TB-G01", None),
            ("AGS2-W09", Some(TABLET)),
            ("KOB2-L03", Some(TABLET)),
            ("LDN-L01", None),
            ("SCH-W2013", None),
            ("Redmi Pad SE", Some(TABLET)),
            ("Coolpad E501_EU", None),
            ("PadFone", None),
            ("Smart Tab 3G", Some(TABLET)),
            ("IdeaTab", Some(TABLET)),
            ("Table", None),
            ("Nexus 7", Some(TABLET)),
            ("Nexus 5X", Some(MOBILE_PHONE)),
            ("Pixel 6 Pro", Some(MOBILE_PHONE)),
            ("Pixel Tablet", Some(TABLET)),
            ("MID7015A", Some(TABLET)),
            ("Tablette à 7", None),
            ("", None),
        ] {
            assert_eq!(kind(model), expected, "{model}");
        }
    }
}
