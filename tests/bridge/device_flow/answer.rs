//! Responses, parsed as clients parse them.

use serde_json::Value;

use crate::support::http::Answer;

/// The body of a JSON response, which must have this status.
#[track_caller]
pub fn json(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.header("content-type").starts_with("application/json"), "{answer:?}");
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

/// The body of an XML response, which must have a declaration, no white space between elements, and no namespace.
#[track_caller]
pub fn xml(answer: &Answer, status: u16) -> &str {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.header("content-type").starts_with("application/xml"), "{answer:?}");
    let declared = answer.body.strip_prefix(r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#);
    let body = declared.unwrap_or_else(|| panic!("no declaration: {answer:?}"));
    assert!(!body.contains(">\n") && !body.contains("xmlns"), "{answer:?}");
    body
}

/// The message of a JSON error, whose `status` must be a number.
#[track_caller]
pub fn message(answer: &Answer, status: u16) -> String {
    let error = json(answer, status);
    assert_eq!(error["status"], status, "{error}");
    text(&error, "message")
}

/// Asserts the status of a response without a body.
#[track_caller]
pub fn empty(answer: &Answer, status: u16) {
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (status, ""), "{answer:?}");
}

/// A member that must be a string.
#[track_caller]
pub fn text(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_else(|| panic!("no string {name}: {object}")).to_owned()
}

/// `expires`: a string that clients parse as a whole number of milliseconds.
#[track_caller]
pub fn expires(object: &Value) -> u64 {
    text(object, "expires").parse().unwrap_or_else(|error| panic!("{error}: {object}"))
}

/// The names of an object's members, in alphabetical order.
pub fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<_> = object.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// The content of an XML element.
#[track_caller]
pub fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let within = xml.split_once(&open).and_then(|(_, rest)| rest.split_once(&close));
    within.unwrap_or_else(|| panic!("no {name}: {xml}")).0
}
