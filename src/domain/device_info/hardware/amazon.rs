//! Amazon's model codes (developer.amazon.com, "Identify Fire TV Devices"): those of Fire TV start with `AFT`, those of Fire
//! tablets with `KF`. Televisions, soundbars and cars of many manufacturers have Fire TV, so only known codes imply more.

use super::{Maker, SET_TOP_BOX, TABLET, TV, VEHICLE, maker_of};

/// Amazon's boxes and sticks.
const BOXES: &[&str] = &[
    "AFTA", "AFTB", "AFTCA002", "AFTCL001", "AFTGAZL", "AFTKA", "AFTKM", "AFTKRT", "AFTM", "AFTMM", "AFTN",
    "AFTR", "AFTS", "AFTSS", "AFTSSS", "AFTT",
];

/// The other devices, with their type and manufacturer.
#[rustfmt::skip]
const OTHERS: &[(&str, Maker)] = &[
    ("AFT6E0FA", maker_of(TV, "Toshiba")),
    ("AFTALMO", SHARED_SET),
    ("AFTANNA0", maker_of(TV, "Xiaomi")),
    ("AFTBAMR311", maker_of(TV, "Toshiba")),
    ("AFTBOXE1", SHARED_SET),
    ("AFTBR92D74", maker_of(TV, "Xiaomi")),
    ("AFTBTX4", maker_of(TV, "Xiaomi")),
    ("AFTBU001", maker_of(TV, "Amazon")),
    ("AFTCU864A2", maker_of(TV, "Amazon")),
    ("AFTCUD6595", maker_of(TV, "Amazon")),
    ("AFTDCT31", SHARED_SET),
    ("AFTDEC012E", maker_of(TV, "TCL")),
    ("AFTEAMR311", maker_of(TV, "Insignia")),
    ("AFTEU011", maker_of(TV, "Grundig")),
    ("AFTEU014", maker_of(TV, "Grundig")),
    ("AFTEUFF014", maker_of(TV, "Grundig")),
    ("AFTGOLDFF", maker_of(TV, "Panasonic")),
    ("AFTHA001", SHARED_SET),
    ("AFTHA002", maker_of(TV, "Toshiba")),
    ("AFTHA003", maker_of(TV, "Toshiba")),
    ("AFTHA004", SHARED_SET),
    ("AFTJMST12", maker_of(TV, "Insignia")),
    ("AFTJULI1", maker_of(TV, "JVC")),
    ("AFTKA002", maker_of(TV, "Amazon")),
    ("AFTKADE001", maker_of(TV, "Amazon")),
    ("AFTKAUK001", maker_of(TV, "Amazon")),
    ("AFTKAUK002", maker_of(TV, "Amazon")),
    ("AFTKMST12", maker_of(TV, "Toshiba")),
    ("AFTLBT962E2", maker_of(VEHICLE, "BMW")),
    ("AFTLE", maker_of(TV, "Onida")),
    ("AFTLFT962X3", maker_of(VEHICLE, "Jeep")),
    ("AFTMA475B1", maker_of(TV, "TCL")),
    ("AFTMD001", maker_of(TV, "TCL")),
    ("AFTMD002", maker_of(TV, "TCL")),
    ("AFTMON001", maker_of(TV, "Funai")),
    ("AFTMON002", maker_of(TV, "Funai")),
    ("AFTNA1322D", maker_of(TV, "Amazon")),
    ("AFTNA67200", maker_of(TV, "Amazon")),
    ("AFTPO9D4D7", maker_of(TV, "Amazon")),
    ("AFTPOC9BD3", maker_of(TV, "Amazon")),
    ("AFTPR001", maker_of(TV, "Amazon")),
    ("AFTRS", maker_of(TV, "Element")),
    ("AFTSHN01", SHARED_SET),
    ("AFTSHN02", maker_of(TV, "TCL")),
    ("AFTSO001", maker_of(TV, "JVC")),
    ("AFTTI43", maker_of(TV, "Amazon")),
    ("AFTTIFF43", maker_of(TV, "Amazon")),
    ("AFTTIFF55", maker_of(TV, "Onida")),
    ("AFTTOR001", maker_of(TV, "Panasonic")),
    ("AFTWI001", maker_of(TV, "ok.")),
    ("AFTWMST22", maker_of(TV, "JVC")),
    ("AFTWYM01", maker_of(TV, "Panasonic")),
];

/// A television whose code several manufacturers share.
const SHARED_SET: Maker = Maker { hardware_type: Some(TV), name: None };

/// Returns what an Amazon model code implies; `None` for other models.
pub(super) fn maker(model: &str) -> Option<Maker> {
    if is_tablet(model) {
        return Some(maker_of(TABLET, "Amazon"));
    }
    if !is_fire_tv(model) {
        return None;
    }
    let other = OTHERS.iter().find(|(code, _)| *code == model).map(|(_, maker)| *maker);
    let own = || BOXES.contains(&model).then_some(maker_of(SET_TOP_BOX, "Amazon"));
    Some(other.or_else(own).unwrap_or(Maker { hardware_type: None, name: None }))
}

/// Whether this is an Amazon model code. Such devices run Amazon's Android.
pub(in super::super) fn is_code(model: &str) -> bool {
    is_fire_tv(model) || is_tablet(model)
}

/// Whether this is a Fire TV model code.
pub(in super::super) fn is_fire_tv(model: &str) -> bool {
    let is_code = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let rest = model.strip_prefix("AFT").unwrap_or_default();
    // At least one letter: `AFT00` is a phone.
    rest.bytes().all(is_code) && rest.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// Whether this is `KF` and letters. Another manufacturer's phones have names like `KF6`.
fn is_tablet(model: &str) -> bool {
    let rest = model.strip_prefix("KF").unwrap_or_default();
    rest.len() >= 2 && rest.bytes().all(|byte| byte.is_ascii_uppercase())
}
