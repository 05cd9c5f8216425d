//! Lenient reading of the provider's JSON: numbers may be strings, and unknown fields are ignored.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::domain::{clock::Timestamp, error::is_plain};

/// Returns the string or number under a key as text. An empty string is treated as absent.
pub(super) fn text(object: &Value, key: &str) -> Option<String> {
    match object.get(key)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Returns the text under a key if it has at most `longest` bytes. A longer one is treated as absent: truncated, its
/// meaning would change.
pub(super) fn text_up_to(object: &Value, key: &str, longest: usize) -> Option<String> {
    text(object, key).filter(|text| text.len() <= longest)
}

/// Returns the whole number under a key, which may be a string.
pub(super) fn number(object: &Value, key: &str) -> Option<u64> {
    whole(object.get(key)?)
}

/// Returns the value as a whole number, which may be a string.
pub(super) fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Returns the time under a key, in milliseconds since the Unix epoch.
pub(super) fn moment(object: &Value, key: &str) -> Option<Timestamp> {
    number(object, key).map(Timestamp::from_millis)
}

/// Keeps only the graphic ASCII characters of a text, at most `limit` of them: error codes and trace ids reach callers
/// and logs.
pub(super) fn plain(text: &str, limit: usize) -> String {
    text.chars().filter(char::is_ascii_graphic).take(limit).collect()
}

/// Removes control characters of a text for people, and truncates it to `limit` bytes.
pub(super) fn shown(text: &str, limit: usize) -> String {
    let text: String = text.chars().filter(|character| is_plain(*character)).collect();
    text[..text.floor_char_boundary(limit)].to_owned()
}

/// Parses a UUID, or derives a stable one from the text.
pub(super) fn id_of(text: &str) -> Uuid {
    Uuid::try_parse(text).unwrap_or_else(|_| Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()))
}

/// The maximum lifetime of a code here: longer than the documents allow (reference, section 2).
const LIFETIME_MAX: Duration = Duration::from_secs(11 * 60 * 60);

/// Returns the expiry of a code for the provider's expiry.
///
/// # Errors
/// The code has already expired.
pub(super) fn code_expiry(end: Timestamp, now: Timestamp) -> Result<Timestamp, &'static str> {
    if end <= now {
        return Err("the code in its response has already expired: check both clocks");
    }
    Ok(end.min(now + LIFETIME_MAX))
}
