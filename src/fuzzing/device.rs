//! Fuzz targets for device information and typed codes.

use std::sync::LazyLock;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::FuzzTarget;
use crate::domain::{
    code::{CodeFormat, DEFAULT_ALPHABET, DEFAULT_LENGTH, TYPED_MAX, check_typed, fold_upstream},
    device_info::{
        ADDITIONAL_MAX, DeviceInfo, FieldNaming, Key, NormalizedDeviceInfo, Normalizer, ObservedConnection,
        VALUE_MAX,
    },
};

pub(super) const TARGETS: &[FuzzTarget] =
    &[("device_info", device_info), ("user_agent", user_agent), ("code", code)];

static NORMALIZER: LazyLock<Normalizer> = LazyLock::new(Normalizer::new);

/// The input as it is, and base64-encoded, because a fuzzer would not find the JSON inside base64.
fn device_info(input: &[u8]) {
    for text in [String::from_utf8_lossy(input).into_owned(), BASE64_STANDARD.encode(input)] {
        if let Ok((info, _)) = DeviceInfo::decode(&text) {
            check_device_info(&info);
        }
    }
}

/// Accepted device information is within its limits, valid for the other face, and decodes to the same value
/// after encoding.
pub(crate) fn check_device_info(info: &DeviceInfo) {
    assert!(Key::ALL.iter().filter_map(|key| info.text(*key)).all(|value| value.len() <= VALUE_MAX));
    assert!(info.additional.len() <= ADDITIONAL_MAX);
    if let Err(violations) = info.validate(FieldNaming::Field) {
        // Numbers and escapes may become longer when they are encoded again.
        assert!(violations.iter().all(|violation| violation.description.starts_with("must be smaller")));
        return;
    }
    let encoded = info.encode();
    let again = DeviceInfo::decode(&encoded).map(|(info, _)| info);
    assert_eq!(again.as_ref(), Ok(info), "encoded as {encoded}");
    check_normalized(&NORMALIZER.normalize(Some(info), &ObservedConnection::default()));
}

fn check_normalized(normalized: &NormalizedDeviceInfo) {
    let json = serde_json::to_string(normalized).expect("can be written");
    let again: NormalizedDeviceInfo = serde_json::from_str(&json).expect("can be read");
    assert_eq!(&again, normalized);
}

fn user_agent(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let connection = ObservedConnection::new(&text, None, None);
    let normalized = NORMALIZER.normalize(None, &connection);
    assert_eq!(NORMALIZER.normalize(None, &connection), normalized, "the cached result differs");
    check_normalized(&normalized);
    // Each User-Agent occurs twice, and JSON escapes a byte with at most six.
    let own = normalized.browser.user_agent.as_ref().map_or(0, String::len);
    let rest = serde_json::to_string(&normalized).map_or(0, |json| json.len()).saturating_sub(12 * own);
    assert!(rest <= 4_096 + 24 * text.len(), "{rest} bytes without the User-Agents");
}

fn code(input: &[u8]) {
    let typed = String::from_utf8_lossy(input);
    let is_typed = check_typed("code", &typed).is_ok();
    assert!(!is_typed || typed.len() <= TYPED_MAX);
    for (alphabet, length) in
        [(DEFAULT_ALPHABET, DEFAULT_LENGTH), ("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", 6)]
    {
        let format = CodeFormat::new(alphabet, length, 1).expect("valid");
        let Some(code) = format.fold(&typed) else { continue };
        assert!(code.as_str().len() == length && code.as_str().chars().all(|one| alphabet.contains(one)));
        assert_eq!(format.fold(code.as_str()), Some(code.clone()), "folding is not idempotent");
        let in_groups: String = code.as_str().to_lowercase().chars().flat_map(|one| [one, '-']).collect();
        assert_eq!(format.fold(&in_groups), Some(code));
    }
    if let Some(code) = fold_upstream(&typed) {
        assert_eq!(fold_upstream(code.as_str()), Some(code), "folding is not idempotent");
    }
}
