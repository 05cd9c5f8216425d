//! Viewer attributes of a profile.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value, json};

/// An attribute that is not encrypted.
pub(crate) fn plain(value: Value) -> Value {
    json!({ "value": value, "state": "plain" })
}

/// An identifier of 40 hexadecimal digits, derived from the text.
pub(crate) fn identifier(text: &str) -> String {
    let part = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, text).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    };
    let mut identifier = part(0) + &part(1) + &part(2);
    identifier.truncate(40);
    identifier
}

/// The default attributes of a viewer: a value of each JSON type, and one that only the programmer can decrypt.
pub(crate) fn of_viewer(mvpd: &str, user: &str) -> Map<String, Value> {
    let attributes = json!({
        "userID": plain(json!(identifier(&format!("{mvpd}/{user}")))),
        "upstreamUserID": plain(json!(identifier(user))),
        "householdID": plain(json!(identifier(&format!("household of {user}")))),
        "mvpd": plain(json!(mvpd)),
        "zip": { "value": "RU5DUllQVEVE", "state": "enc" },
        "channelID": plain(json!(["news", "sports"])),
        "maxRating": plain(json!({ "MPAA": "PG-13", "VCHIP": "TV-14" })),
        "is_hoh": plain(json!("1")),
        "inHome": plain(json!(true)),
        "language": plain(json!("en")),
    });
    match attributes {
        Value::Object(attributes) => attributes,
        _ => Map::new(),
    }
}

/// The attributes that a test sets: plain values or complete attributes.
pub(crate) fn of_test(attributes: Map<String, Value>) -> impl Iterator<Item = (String, Value)> {
    attributes.into_iter().map(|(name, value)| {
        let is_complete = value.get("state").is_some() || value.get("error").is_some();
        (name, if is_complete { value } else { plain(value) })
    })
}
