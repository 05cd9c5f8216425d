//! Paths of v1 that passbridge forwards over v1 and serves itself over v2.

use http::StatusCode;
use serde_json::json;

use crate::{
    answer::{Answer, Content},
    call::Call,
    call_log,
};

/// `GET|POST|DELETE /api/v1/…`, `GET /adobe-services/config/…`: echoes the call.
pub(crate) fn echo(call: &Call) -> Answer {
    let echo = json!({
        "method": call.method.as_str(),
        "path": call.path,
        "query": call.query,
        "headers": call_log::headers(call),
        "body_length": call.body.len(),
    });
    let body = json!({ "echo": echo }).to_string();
    Answer::new(StatusCode::OK, "text/plain", body)
}

/// `GET /api/v1/stream?bytes=N`: this many bytes, in chunks.
pub(crate) fn stream(call: &Call) -> Answer {
    let length = call.parameters().get("bytes").and_then(|text| text.parse().ok()).unwrap_or_default();
    Answer::bare(StatusCode::OK, Content::Generated(length))
        .header(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/octet-stream"))
}
