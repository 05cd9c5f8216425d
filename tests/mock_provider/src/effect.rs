//! The effect of a fault on a call. Faults that replace the response leave the state unchanged; those that only modify it do not.

use std::{error::Error, fmt, future, time::Duration};

use http::{HeaderValue, Method, StatusCode, header};
use serde_json::Value;

use crate::{
    answer::{Answer, Content},
    call::Call,
    fault::Effect,
};

/// The connection is closed without a response.
#[derive(Debug)]
pub(crate) struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("closed by a fault")
    }
}

impl Error for Closed {}

/// The response under this effect.
pub(crate) async fn apply(
    effect: &Effect,
    call: &Call,
    normal: impl FnOnce() -> Answer,
) -> Result<Answer, Closed> {
    Ok(match effect {
        Effect::Hang {} => future::pending().await,
        Effect::Close {} => return Err(Closed),
        Effect::Delay { ms } => {
            tokio::time::sleep(Duration::from_millis(*ms)).await;
            normal()
        }
        Effect::Late { ms } => {
            let answer = normal();
            tokio::time::sleep(Duration::from_millis(*ms)).await;
            answer
        }
        Effect::Status { status, content_type, body, headers } => {
            let mut answer = Answer::bare(*status, Content::Whole(body.clone().into()));
            answer.headers.insert(header::CONTENT_TYPE, content_type.clone());
            answer.headers.extend(headers.clone());
            answer
        }
        Effect::Problem { code, status, details } => {
            code.answer_with(status.unwrap_or(code.status()), details.as_deref())
        }
        Effect::Garbage {} => Answer::new(success(call), "application/json", &b"{\xff\xfe\x00garbage"[..]),
        Effect::Huge { bytes } => Answer::bare(StatusCode::OK, Content::Generated(*bytes))
            .header(header::CONTENT_TYPE, HeaderValue::from_static("text/html"))
            .header(header::CONTENT_LENGTH, HeaderValue::from(*bytes)),
        Effect::Redirect { location } => {
            Answer::html(StatusCode::FOUND).header(header::LOCATION, location.clone())
        }
        Effect::Cut {} => cut(normal()),
        Effect::ContentType { value } => normal().header(header::CONTENT_TYPE, value.clone()),
        Effect::Merge(patch) => merge_into(normal(), patch),
    })
}

fn cut(mut answer: Answer) -> Answer {
    if let Content::Whole(bytes) = answer.content {
        answer.content = if bytes.is_empty() { Content::Whole(bytes) } else { Content::Cut(bytes) };
    }
    answer
}

fn merge_into(mut answer: Answer, patch: &Value) -> Answer {
    if let Content::Whole(bytes) = &mut answer.content
        && let Ok(mut document) = serde_json::from_slice(bytes)
    {
        merge(&mut document, patch);
        *bytes = document.to_string().into();
    }
    answer
}

/// Merges the patch into the target (RFC 7386, section 2).
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name).or_insert(Value::Null), value);
        }
    }
}

/// The status with which the operation would succeed.
fn success(call: &Call) -> StatusCode {
    let creates = call.path.starts_with("/o/client/") || call.path.starts_with("/reggie/");
    if creates && call.method == Method::POST { StatusCode::CREATED } else { StatusCode::OK }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_sets_and_removes_nested_members() {
        let mut document = json!({ "a": { "b": 1, "c": 2 }, "d": [1] });
        merge(&mut document, &json!({ "a": { "b": null, "e": { "f": null, "g": 3 } }, "d": "x" }));
        assert_eq!(document, json!({ "a": { "c": 2, "e": { "g": 3 } }, "d": "x" }));
    }
}
