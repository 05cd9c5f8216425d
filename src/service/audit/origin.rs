//! The origin of an operation.

/// The origin of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditOrigin {
    /// `grpc`, `rest`, or `schedule`; for operators `admin` (over the socket of a running server), `command` (without a
    /// running server) or `signal`.
    pub face: &'static str,
    /// The caller's id of its request, if it sends one.
    pub request_id: Option<String>,
}

/// The header with the id that callers and proxies give a request, and its maximum length in bytes.
const REQUEST_ID: &str = "x-request-id";
const REQUEST_ID_MAX: usize = 128;

impl AuditOrigin {
    /// The origin of a call to this face with these headers.
    #[must_use]
    pub fn new(face: &'static str, headers: &http::HeaderMap) -> Self {
        let request_id = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
        let request_id = request_id.filter(|text| (1..=REQUEST_ID_MAX).contains(&text.len()));
        Self { face, request_id: request_id.map(str::to_owned) }
    }
}
