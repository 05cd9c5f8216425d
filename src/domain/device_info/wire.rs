//! The wire form: base64 of a JSON object, as in the header `X-Device-Info`.

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{
    ADDITIONAL_MAX, DeviceInfo, ENCODED_MAX, FieldNaming, Key, Warning, base64_text, check,
    json_reader::{self, Reading},
    nesting,
};
use crate::domain::error::Violation;

/// See [`DeviceInfo::decode`].
pub(super) fn decode(text: &str) -> Result<(DeviceInfo, Vec<Warning>), Vec<Violation>> {
    let mut reading = read(text).map_err(|rule| vec![Violation::new("", rule)])?;
    let Reading { info, warnings, violations, .. } = &mut reading;
    check::known_values(info, FieldNaming::Wire, warnings, violations);
    if reading.unknown > ADDITIONAL_MAX {
        reading.violations.push(Violation::new("", check::too_many_keys(reading.unknown)));
    }
    if !reading.violations.is_empty() {
        return Err(reading.violations);
    }
    check::warn_of_additional(&reading.info, FieldNaming::Wire, &mut reading.warnings);
    Ok((reading.info, reading.warnings))
}

/// Decodes the payload and reads the JSON object, or returns the rule that the payload breaks.
fn read(text: &str) -> Result<Reading, String> {
    if text.len() > ENCODED_MAX {
        return Err(format!("must be at most {ENCODED_MAX} bytes of base64, but is {}", text.len()));
    }
    if text.trim_ascii().is_empty() {
        return Err("must be base64 of a JSON object, but is empty".to_owned());
    }
    if text.trim_ascii_start().starts_with('{') {
        return Err("must be base64 of a JSON object, but is the JSON itself; encode it".to_owned());
    }
    let broken = |reason: String| match text.trim_ascii().contains(' ') {
        // Each space was read as a plus sign that a query decoder turned into a space.
        true => "must be base64 of a JSON object, but contains spaces; remove them".to_owned(),
        false => format!("must be base64 of a JSON object, but {reason}"),
    };
    let bytes = base64_text::decode(text).map_err(|reason| broken(format!("is not base64: {reason}")))?;
    let json = std::str::from_utf8(&bytes);
    let json = json.map_err(|error| broken(format!("does not decode to UTF-8: {error}")))?;
    if nesting::text_is_too_deep(json) {
        return Err(nesting::TOO_DEEP.to_owned());
    }
    // Checked first, because the parser would quote the whole value in its error.
    if !json.trim_ascii_start().starts_with('{') {
        return Err("must be base64 of a JSON object, but decodes to no object".to_owned());
    }
    json_reader::read(json)
        .map_err(|error| format!("must be base64 of a JSON object, but the JSON is not valid: {error}"))
}

/// See [`DeviceInfo::encode`].
pub(super) fn encode(info: &DeviceInfo) -> String {
    base64_text::encode(&json(info))
}

/// Returns the length of the result of [`encode`], in bytes.
pub(super) fn encoded_len(info: &DeviceInfo) -> usize {
    json(info).len().div_ceil(3) * 4
}

/// See [`DeviceInfo::to_json`].
pub(super) fn json(info: &DeviceInfo) -> Vec<u8> {
    // Cannot fail: the writer is memory, and all keys are text.
    serde_json::to_vec(&WireForm(info)).unwrap_or_default()
}

struct WireForm<'a>(&'a DeviceInfo);

impl Serialize for WireForm<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let info = self.0;
        let mut map = serializer.serialize_map(None)?;
        for &key in Key::ALL {
            if let Some(value) = info.text(key) {
                map.serialize_entry(key.wire_name(), value)?;
            }
        }
        if let Some(secure) = info.connection_secure {
            map.serialize_entry(Key::ConnectionSecure.wire_name(), &secure)?;
        }
        // Sort explicitly: the map is only sorted without serde_json's feature `preserve_order`.
        let mut additional: Vec<_> = info.additional.iter().collect();
        additional.sort_unstable_by_key(|(key, _)| *key);
        for (key, value) in additional {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}
