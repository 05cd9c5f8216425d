//! The rules for typed values.

use serde_json::{Value, json};

use super::{
    super::{DeviceInfo, FieldNaming, WarningReason},
    fields, minimal, reasons,
};

#[test]
fn violations_use_the_field_names_of_the_face() {
    let info =
        DeviceInfo { os_name: Some(" ".into()), os_family: Some("x\u{7}".into()), ..DeviceInfo::default() };
    let violations = info.validate(FieldNaming::Field).expect_err("not valid");
    assert_eq!(fields(&violations), ["model", "os_name", "os_family"]);
    let violations = info.validate(FieldNaming::Wire).expect_err("not valid");
    assert_eq!(fields(&violations), ["model", "osName", "osFamily"]);
}

#[test]
fn unlisted_values_and_unknown_keys_are_warned_about() {
    let mut info = DeviceInfo { primary_hardware_type: Some("Fridge".into()), ..minimal() };
    info.additional.insert("hdr".to_owned(), json!(true));
    let warnings = info.validate(FieldNaming::Field).expect("valid");
    assert_eq!(
        reasons(&warnings),
        [
            ("primary_hardware_type", WarningReason::UnlistedValue),
            ("additional.hdr", WarningReason::UnknownKey)
        ]
    );
}

#[test]
fn additional_must_not_contain_a_known_key() {
    for (key, field) in [("osVersion", "os_version"), ("type", "primary_hardware_type")] {
        let mut info = minimal();
        info.additional.insert(key.to_owned(), json!("x"));
        let violations = info.validate(FieldNaming::Field).expect_err("a known key");
        assert_eq!(fields(&violations), [format!("additional.{key}")]);
        assert!(violations[0].description.contains(field), "{}", violations[0].description);
    }
}

#[test]
fn additional_has_the_limits_of_the_wire_form() {
    let nested = |levels: usize| (0..levels).fold(Value::Null, |value, _| json!([value]));
    let with = |value: Value| {
        let mut info = minimal();
        info.additional.insert("x".to_owned(), value);
        info
    };
    for (levels, fits) in [(15, true), (16, false), (100, false)] {
        let info = with(nested(levels));
        assert_eq!(info.validate(FieldNaming::Field).is_ok(), fits, "{levels}");
        assert_eq!(DeviceInfo::decode(&info.encode()).is_ok(), fits, "{levels}");
    }
    for (bytes, fits) in [(49_000, true), (49_200, false)] {
        let info = with(json!("x".repeat(bytes)));
        assert_eq!(info.validate(FieldNaming::Field).is_ok(), fits, "{bytes}");
        assert_eq!(DeviceInfo::decode(&info.encode()).is_ok(), fits, "{bytes}");
    }
    let mut info = minimal();
    info.additional = (0..65).map(|key| (format!("k{key}"), Value::Null)).collect();
    assert_eq!(fields(&info.validate(FieldNaming::Field).expect_err("too many")), ["additional"]);
}

#[test]
fn the_largest_known_values_fit_the_wire_form() {
    let mut info = minimal();
    for &key in super::super::Key::ALL {
        if let Some(slot) = info.slot(key) {
            *slot = Some("\"".repeat(1024));
        }
    }
    info.validate(FieldNaming::Field).expect("valid");
    assert_eq!(DeviceInfo::decode(&info.encode()).expect("valid").0, info);
}
