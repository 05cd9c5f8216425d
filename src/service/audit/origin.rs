//! From where something was asked for.

/// From where something was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `grpc`, `rest`, or `schedule`; of operators `admin`, over the socket of a running server, `command`, where none ran,
    /// and `signal`.
    pub face: &'static str,
    /// The caller's own id of its request, where it has one.
    pub request_id: Option<String>,
}

/// The header in which callers and proxies name a request, and its longest value, in bytes.
const REQUEST_ID: &str = "x-request-id";
const REQUEST_ID_MAX: usize = 128;

impl Origin {
    /// A call of this face with these headers.
    #[must_use]
    pub fn new(face: &'static str, headers: &http::HeaderMap) -> Self {
        let request_id = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
        let request_id = request_id.filter(|text| (1..=REQUEST_ID_MAX).contains(&text.len()));
        Self { face, request_id: request_id.map(str::to_owned) }
    }
}
