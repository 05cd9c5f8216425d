//! The wire form, with all variations that devices and intermediaries produce.

use base64::{Engine as _, engine::general_purpose};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    super::{DeviceInfo, ENCODED_MAX, Key, WarningReason},
    decode_json, decode_with, fields, minimal, reasons,
};

#[test]
fn every_known_key_is_read() {
    let mut json = serde_json::Map::new();
    for &key in Key::ALL {
        json.insert(key.wire_name().to_owned(), Value::from(format!("value of {key:?}")));
    }
    json.insert("connectionSecure".to_owned(), Value::Bool(true));
    let (info, _) = decode_json(&Value::from(json).to_string()).expect("a valid payload");
    for &key in Key::ALL.iter().filter(|key| **key != Key::ConnectionSecure) {
        assert_eq!(info.text(key), Some(format!("value of {key:?}").as_str()));
    }
    assert_eq!(info.connection_secure, Some(true));
    assert!(info.additional.is_empty());
}

#[test]
fn every_variant_of_base64_is_decoded() {
    // Bytes that need `+` and `/`, and a length that needs padding.
    let json = r#"{"model":"~~~???>>>","osName":"Android","vendor":"ÿþÿ"}"#;
    let standard = general_purpose::STANDARD.encode(json);
    assert!(standard.contains('+') && standard.contains('/') && standard.ends_with('='), "{standard}");
    let (expected, _) = DeviceInfo::decode(&standard).expect("standard");
    let broken: String = standard.chars().flat_map(|letter| [letter, '\n']).collect();
    let spellings = [
        general_purpose::STANDARD_NO_PAD.encode(json),
        general_purpose::URL_SAFE.encode(json),
        general_purpose::URL_SAFE_NO_PAD.encode(json),
        format!("  \r\n{standard}\t "),
        standard.replace('+', " "),
        standard.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"),
        standard.replace('+', "%2b").replace('/', "%2f").replace('=', "%3d"),
        broken,
    ];
    for spelling in spellings {
        assert_eq!(DeviceInfo::decode(&spelling).expect(&spelling).0, expected, "{spelling}");
    }
}

#[test]
fn numbers_and_booleans_are_converted_to_text() {
    let (info, warnings) = decode_with(
        r#""displayWidth":1920,"displayPpi":401.5,"osVersion":9,"manufacturer":5,"vendor":true,"connectionPort":-1"#,
    );
    assert_eq!(info.display_width.as_deref(), Some("1920"));
    assert_eq!(info.display_ppi.as_deref(), Some("401.5"));
    assert_eq!(info.os_version.as_deref(), Some("9"));
    assert_eq!(info.manufacturer.as_deref(), Some("5"));
    assert_eq!(info.vendor.as_deref(), Some("true"));
    assert_eq!(info.connection_port.as_deref(), Some("-1"));
    let unexpected = WarningReason::UnexpectedType;
    assert_eq!(reasons(&warnings), [("manufacturer", unexpected), ("vendor", unexpected)]);
}

#[test]
fn connection_secure_is_also_read_from_text() {
    for (value, expected, warned) in [
        ("true", Some(true), false),
        (r#""true""#, Some(true), false),
        (r#"" False ""#, Some(false), false),
        ("1", Some(true), true),
        (r#""yes""#, None, true),
        (r#""""#, None, false),
        ("null", None, false),
    ] {
        let (info, warnings) = decode_with(&format!(r#""connectionSecure":{value}"#));
        assert_eq!((info.connection_secure, !warnings.is_empty()), (expected, warned), "{value}");
    }
}

#[test]
fn a_null_is_an_absent_key() {
    let (info, warnings) = decode_with(r#""vendor":null,"model":null"#);
    assert_eq!((info, warnings), (minimal(), vec![]));
    let violations = decode_json(r#"{"model":null,"osName":"iOS"}"#).expect_err("no model");
    assert_eq!(fields(&violations), ["model"]);
}

#[test]
fn type_is_an_alias_of_the_hardware_type() {
    let (info, warnings) = decode_with(r#""type":"TV""#);
    assert_eq!(info.primary_hardware_type.as_deref(), Some("TV"));
    assert_eq!(reasons(&warnings), [("type", WarningReason::AliasedKey)]);
    for both in
        [r#""type":"TV","primaryHardwareType":"Tablet""#, r#""primaryHardwareType":"Tablet","type":"TV""#]
    {
        let (info, warnings) = decode_with(both);
        assert_eq!(info.primary_hardware_type.as_deref(), Some("Tablet"));
        assert!(warnings.iter().any(|warning| warning.reason == WarningReason::DuplicateKey));
    }
}

#[test]
fn the_last_value_of_a_repeated_key_is_used() {
    let (info, warnings) = decode_with(r#""model":"B","model":"C","x":1,"x":2,"x":3"#);
    assert_eq!(info.model.as_deref(), Some("C"));
    assert_eq!(info.additional["x"], 3);
    let duplicate = WarningReason::DuplicateKey;
    assert_eq!(
        reasons(&warnings),
        [("model", duplicate), ("x", duplicate), ("x", WarningReason::UnknownKey)]
    );
}

#[test]
fn unlisted_values_and_unknown_keys_are_kept_and_warned_about() {
    let (info, warnings) = decode_with(r#""osFamily":"FireOS","osVendor":"Vizio","hdr":{"modes":[1,null]}"#);
    assert_eq!(info.os_family.as_deref(), Some("FireOS"));
    assert_eq!(info.additional["hdr"], json!({"modes": [1, null]}));
    assert_eq!(
        reasons(&warnings),
        [("osFamily", WarningReason::UnlistedValue), ("hdr", WarningReason::UnknownKey)]
    );
    let (_, warnings) = decode_with(r#""primaryHardwareType":"set-top box""#);
    assert!(warnings[0].message.contains("SetTopBox"), "{}", warnings[0].message);
}

#[test]
fn messages_do_not_repeat_long_values() {
    let long = "é".repeat(400);
    let (_, warnings) = decode_with(&format!(r#""browserName":"{long}","{long}":1"#));
    assert_eq!(warnings.len(), 2);
    assert!(warnings.iter().all(|warning| warning.message.len() < 400 && warning.field.len() < 200));
}

#[test]
fn all_violations_are_reported_together() {
    let long = "x".repeat(1025);
    let json = format!(
        r#"{{"os_name":"iOS","vendor":[1],"version":{{}},"osVersion":"1\u0000","manufacturer":"{long}","type":[]}}"#
    );
    let violations = decode_json(&json).expect_err("not valid");
    let mut fields = fields(&violations);
    fields.sort_unstable();
    assert_eq!(fields, ["manufacturer", "model", "osName", "osVersion", "type", "vendor", "version"]);
    let os_name = violations.iter().find(|violation| violation.field == "osName").expect("a violation");
    assert!(os_name.description.contains("os_name"), "the lookalike is named: {}", os_name.description);
}

#[test]
fn a_payload_without_an_object_is_refused_with_the_reason() {
    let b64 = |text: &str| general_purpose::STANDARD.encode(text);
    for (payload, part) in [
        (String::new(), "empty"),
        ("   ".to_owned(), "empty"),
        ("!!!!".to_owned(), "not base64"),
        (r#"{"model":"A"}"#.to_owned(), "encode it"),
        (general_purpose::STANDARD.encode([0x7b, 0xff, 0xfe]), "UTF-8"),
        (b64("[1]"), "no object"),
        (b64(r#""text""#), "no object"),
        (b64(""), "empty"),
        (b64(" "), "no object"),
        (b64(r#"{"model":"#), "EOF"),
        (b64(r#"{"model":"A","osName":"B"} {}"#), "trailing"),
        (b64(r#"{"model":"A","osName":"B","displayWidth":1e999}"#), "out of range"),
        ("A".repeat(ENCODED_MAX + 1), "at most 65536"),
    ] {
        let violations = DeviceInfo::decode(&payload).expect_err(part);
        assert_eq!(fields(&violations), [""], "{part}");
        assert!(violations[0].description.contains(part), "{part}: {}", violations[0].description);
    }
}

#[test]
fn nesting_is_bounded_without_recursion() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    // The object itself is the first of sixteen levels.
    decode_with(&format!(r#""x":{}"#, nested(15)));
    for levels in [16, 17, 127, 128, 129, 20_000] {
        let json = format!(r#"{{"model":"A","osName":"B","x":{}}}"#, nested(levels));
        let violations = decode_json(&json).expect_err("too deep");
        assert!(violations[0].description.contains("16 levels"), "{levels}: {}", violations[0].description);
    }
    let bare = decode_json(&"[".repeat(40_000)).expect_err("too deep");
    assert!(bare[0].description.contains("16 levels"));
    let huge = decode_json(&"[".repeat(100_000)).expect_err("too long");
    assert!(huge[0].description.contains("at most 65536"));
    decode_with(r#""vendor":"[[[[[[[[[[[[[[[[[[[[[[\"{{{{{{{{{{{{{{{{{{{{{{{{{{""#);
}

#[test]
fn the_number_of_unknown_keys_is_limited() {
    let keys = |count: usize| (0..count).map(|key| format!(r#""k{key}":1"#)).collect::<Vec<_>>().join(",");
    assert_eq!(decode_with(&keys(64)).0.additional.len(), 64);
    let json = format!(r#"{{"model":"A","osName":"B",{}}}"#, keys(65));
    let violations = decode_json(&json).expect_err("too many");
    assert!(violations[0].description.contains("65"), "{}", violations[0].description);
}

#[test]
fn encoding_is_deterministic_and_ordered() {
    let mut info = DeviceInfo { connection_secure: Some(true), ..minimal() };
    info.additional.insert("zoo".to_owned(), json!({"b": 1}));
    info.additional.insert("ant".to_owned(), Value::Null);
    let json = general_purpose::STANDARD.decode(info.encode()).expect("base64");
    assert_eq!(
        std::str::from_utf8(&json).expect("UTF-8"),
        r#"{"model":"AFTMM","osName":"Android","connectionSecure":true,"ant":null,"zoo":{"b":1}}"#
    );
}

/// Generates valid device information, including unusual values.
fn device_infos() -> impl Strategy<Value = DeviceInfo> {
    let text = || proptest::option::of(r#"[^\p{C}]{0,40}"#);
    let required = r#"[^\p{C}\p{Z}]{1,20}"#;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    });
    let additional = proptest::collection::btree_map("x[a-zA-Z]{0,6}", value, 0..6);
    let texts = proptest::collection::vec(text(), Key::ALL.len());
    (required, required, texts, any::<Option<bool>>(), additional).prop_map(
        |(model, os_name, texts, secure, additional)| {
            let mut info = DeviceInfo { connection_secure: secure, ..DeviceInfo::default() };
            for (&key, text) in Key::ALL.iter().zip(texts) {
                if let Some(slot) = info.slot(key) {
                    *slot = text;
                }
            }
            info.model = Some(model);
            info.os_name = Some(os_name);
            info.additional = additional.into_iter().collect();
            info
        },
    )
}

proptest! {
    #[test]
    fn encoded_values_decode_to_themselves(info in device_infos()) {
        let (read, _) = DeviceInfo::decode(&info.encode()).expect("valid");
        prop_assert_eq!(read, info);
    }

    #[test]
    fn decoding_any_text_does_not_panic(text in any::<String>()) {
        let _ = DeviceInfo::decode(&text);
    }

    #[test]
    fn decoding_any_bytes_does_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = DeviceInfo::decode(&general_purpose::STANDARD.encode(bytes));
    }

    #[test]
    fn decoding_a_corrupted_payload_does_not_panic(info in device_infos(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut json = general_purpose::STANDARD.decode(info.encode()).expect("base64");
        let at = at.index(json.len());
        json[at] = byte;
        let _ = DeviceInfo::decode(&general_purpose::STANDARD.encode(&json));
        json.truncate(at);
        let _ = DeviceInfo::decode(&general_purpose::STANDARD.encode(&json));
    }
}
