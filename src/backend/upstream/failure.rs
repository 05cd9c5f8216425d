//! Maps error responses of the provider to our errors: by the provider's error code first, then by the HTTP status.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::{
    call::ProviderResponse,
    json::{number, plain, text},
    registration::refused,
};
use crate::domain::{
    entitlement::RefusalReason,
    error::{Error, LookupClues, UpstreamAnswer},
    upstream_code::{self, UpstreamErrorMeaning},
};

/// The maximum length of an error code and of a trace id that are passed on.
const CODE_MAX: usize = 128;

/// The error code for a token that is valid, but for other requestors.
const WRONG_PROVIDER: &str = "invalid_access_token_service_provider";

/// The wait after a throttling response without a `Retry-After`.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(1);

/// Reads status, code and trace of an error response.
pub(super) fn error_details(answer: &ProviderResponse) -> UpstreamAnswer {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    error_details_in(answer.status.as_u16(), &body)
}

/// Reads the same of an error that is a part of a response.
pub(super) fn error_details_in(status: u16, body: &Value) -> UpstreamAnswer {
    let field =
        |key: &str| text(body, key).map(|text| plain(&text, CODE_MAX)).filter(|text| !text.is_empty());
    UpstreamAnswer { status: Some(status), code: field("code"), trace: field("trace") }
}

/// Reports whether the response rejects the access token, so that another token may work.
pub(super) fn refuses_token(answer: &ProviderResponse) -> bool {
    answer.status == StatusCode::UNAUTHORIZED && error_details(answer).code.as_deref() != Some(WRONG_PROVIDER)
}

/// Reports whether the response rejects the client, whatever its token.
pub(super) fn refuses_client(answer: &ProviderResponse) -> bool {
    answer.status.is_client_error() && meaning(&error_details(answer)) == Some(UpstreamErrorMeaning::Token)
}

/// Reports whether the response says that the code does not exist.
pub(super) fn is_code_unknown(answer: &ProviderResponse) -> bool {
    answer.status == StatusCode::NOT_FOUND && !answer.is_html()
        || answer.status.is_client_error()
            && meaning(&error_details(answer)) == Some(UpstreamErrorMeaning::CodeUnknown)
}

/// Returns the error for an error response.
pub(super) fn refusal(answer: &ProviderResponse, was_fast: bool) -> Error {
    let details = error_details(answer);
    // The body's status may differ from the HTTP status, and is more precise.
    let inner = serde_json::from_slice::<Value>(&answer.body).ok().and_then(|body| number(&body, "status"));
    match meaning(&details) {
        // Regardless of the status: a server error forbids nothing.
        Some(UpstreamErrorMeaning::Breakdown) => {
            by_meaning(UpstreamErrorMeaning::Breakdown, details, was_fast)
        }
        // Before token errors: new credentials would not help.
        _ if answer.status == StatusCode::FORBIDDEN => by_status(answer, inner, details, was_fast),
        Some(UpstreamErrorMeaning::Configuration) | None => by_status(answer, inner, details, was_fast),
        Some(meaning) => by_meaning(meaning, details, was_fast),
    }
}

/// Returns the error for an error code inside a successful response.
pub(super) fn refusal_by_code(details: UpstreamAnswer) -> Option<Error> {
    Some(match meaning(&details)? {
        // The call was not about a code.
        UpstreamErrorMeaning::CodeUnknown => Error::UpstreamForbidden { answer: details, was_fast: false },
        UpstreamErrorMeaning::Configuration => return None,
        meaning => by_meaning(meaning, details, false),
    })
}

/// Returns the reason of a denial, if the error is one and not a fault of the provider or of our credentials.
pub(super) fn denial(error: &Error) -> Option<(RefusalReason, &UpstreamAnswer)> {
    let (Error::UpstreamForbidden { answer, .. } | Error::UpstreamRejected { answer, .. }) = error else {
        return None;
    };
    match meaning(answer)? {
        UpstreamErrorMeaning::Denied(reason) => Some((reason, answer)),
        _ => None,
    }
}

/// Returns the reason of a denial by its error code.
pub(super) fn refusal_reason(details: &UpstreamAnswer) -> RefusalReason {
    meaning(details).map_or(RefusalReason::Other, UpstreamErrorMeaning::refusal_reason)
}

fn by_meaning(meaning: UpstreamErrorMeaning, details: UpstreamAnswer, was_fast: bool) -> Error {
    match meaning {
        UpstreamErrorMeaning::Field(field) => Error::UpstreamRejected { field: Some(field), answer: details },
        UpstreamErrorMeaning::CodeUnknown => {
            Error::CodeNotFound(LookupClues { over_upstream: true, ..LookupClues::default() })
        }
        UpstreamErrorMeaning::Token => Error::UpstreamCredentialsRefused { answer: details },
        UpstreamErrorMeaning::Denied(_) => Error::UpstreamForbidden { answer: details, was_fast },
        UpstreamErrorMeaning::Configuration => Error::UpstreamRejected { field: None, answer: details },
        UpstreamErrorMeaning::Breakdown => broken("it reports a server error", details),
    }
}

fn by_status(
    answer: &ProviderResponse,
    inner: Option<u64>,
    details: UpstreamAnswer,
    was_fast: bool,
) -> Error {
    let status = answer.status;
    match status.as_u16() {
        429 => throttled(details, DEFAULT_RETRY_AFTER, was_fast),
        // The provider's gateway may answer too many fast requests with this page (reference, section 6).
        403 if answer.is_html() => throttled(details, DEFAULT_RETRY_AFTER, was_fast),
        403 => Error::UpstreamForbidden { answer: details, was_fast },
        401 => Error::UpstreamCredentialsRefused { answer: details },
        300..400 => broken("it responds with a redirect", details),
        400..500 if inner.is_some_and(|inner| inner >= 500) => broken("it reports a server error", details),
        400..500 => Error::UpstreamRejected { field: None, answer: details },
        500.. => broken("it reports a server error", details),
        _ => broken("its response has an unexpected status", details),
    }
}

/// Returns the error that a response with this status and no error code leads to.
pub(crate) fn error_of_status(status: u16) -> Error {
    refusal(&response(status, &Value::Null), false)
}

/// Returns the error that this code of the provider leads to, of its API or of its OAuth endpoints.
pub(crate) fn error_of_code(code: &str) -> Error {
    const BAD_REQUEST: u16 = 400;
    if upstream_code::meaning(code).is_some() {
        refusal(&response(BAD_REQUEST, &json!({ "code": code })), false)
    } else {
        refused(&response(BAD_REQUEST, &json!({ "error": code })))
    }
}

fn response(status: u16, body: &Value) -> ProviderResponse {
    let status = StatusCode::from_u16(status).unwrap_or_default();
    ProviderResponse { status, headers: HeaderMap::new(), body: body.to_string().into() }
}

fn meaning(details: &UpstreamAnswer) -> Option<UpstreamErrorMeaning> {
    upstream_code::meaning(details.code.as_deref()?)
}

/// Returns the error for a successful response with invalid content.
pub(super) fn unreadable(answer: &ProviderResponse, problem: &'static str) -> Error {
    broken(problem, UpstreamAnswer { status: Some(answer.status.as_u16()), ..UpstreamAnswer::default() })
}

/// Returns the error for a call without a response.
pub(super) fn unavailable(problem: &'static str, retry_after: Option<Duration>) -> Error {
    Error::UpstreamUnavailable { problem, answer: UpstreamAnswer::default(), retry_after }
}

/// Returns the error for a rate limit of the device, the provider's or ours.
pub(super) fn throttled(answer: UpstreamAnswer, retry_after: Duration, was_fast: bool) -> Error {
    Error::UpstreamThrottled { answer, retry_after, was_fast }
}

fn broken(problem: &'static str, answer: UpstreamAnswer) -> Error {
    Error::UpstreamUnavailable { problem, answer, retry_after: None }
}
