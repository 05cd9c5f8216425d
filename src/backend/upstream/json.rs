//! JSON as the provider sends it: numbers may be text, and what is not known does not matter.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::domain::{clock::Timestamp, error::is_plain};

/// The text under a key; a number is text too. Empty is as good as none.
pub(super) fn text(object: &Value, key: &str) -> Option<String> {
    match object.get(key)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The same of at most `longest` bytes. A longer one is as good as none: cut, it would say something else.
pub(super) fn text_up_to(object: &Value, key: &str, longest: usize) -> Option<String> {
    text(object, key).filter(|text| text.len() <= longest)
}

/// The whole number under a key; text of one is one too.
pub(super) fn number(object: &Value, key: &str) -> Option<u64> {
    whole(object.get(key)?)
}

/// The whole number that a value is, or text of one.
pub(super) fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The moment under a key, in milliseconds since the Unix epoch.
pub(super) fn moment(object: &Value, key: &str) -> Option<Timestamp> {
    number(object, key).map(Timestamp::from_millis)
}

/// A copy of a text of which nothing but graphic ASCII of a bounded length is let through: codes of errors and names of
/// calls go to callers and logs.
pub(super) fn plain(text: &str, limit: usize) -> String {
    text.chars().filter(char::is_ascii_graphic).take(limit).collect()
}

/// A text for people, of at most so many bytes and without control characters.
pub(super) fn shown(text: &str, limit: usize) -> String {
    let text: String = text.chars().filter(|character| is_plain(*character)).collect();
    text[..text.floor_char_boundary(limit)].to_owned()
}

/// The UUID that a text is, or the one that always is made of it.
pub(super) fn id_of(text: &str) -> Uuid {
    Uuid::try_parse(text).unwrap_or_else(|_| Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()))
}

/// How long a code is kept here at most: longer than any that the documents allow (reference, section 2).
const LIFE_MAX: Duration = Duration::from_secs(11 * 60 * 60);

/// When a code ends of which the provider says so.
///
/// # Errors
/// Where that has been already.
pub(super) fn end_of_life(end: Timestamp, now: Timestamp) -> Result<Timestamp, &'static str> {
    if end <= now {
        return Err("its answer's code has expired already: its clock and this server's differ");
    }
    Ok(end.min(now + LIFE_MAX))
}
