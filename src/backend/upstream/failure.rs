//! Every answer of the provider that is not what was asked for, as one of our errors: by its own code of the error first, then
//! by the HTTP status.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use super::{
    call::ProviderResponse,
    json::{number, plain, text},
};
use crate::domain::{
    entitlement::RefusalReason,
    error::{Error, LookupClues, UpstreamAnswer},
    upstream_code::{self, UpstreamErrorMeaning},
};

/// The longest code of an error, and the longest name of a call, that is passed on.
const CODE_MAX: usize = 128;

/// The code for a token that is good, but for other requestors.
const WRONG_PROVIDER: &str = "invalid_access_token_service_provider";

/// How long to wait after an answer that says to be slower, but not for how long.
const A_MOMENT: Duration = Duration::from_secs(1);

/// What the provider said in an answer that is an error.
pub(super) fn said(answer: &ProviderResponse) -> UpstreamAnswer {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    said_in(answer.status.as_u16(), &body)
}

/// The same where the error is a part of an answer.
pub(super) fn said_in(status: u16, body: &Value) -> UpstreamAnswer {
    let field =
        |key: &str| text(body, key).map(|text| plain(&text, CODE_MAX)).filter(|text| !text.is_empty());
    UpstreamAnswer { status: Some(status), code: field("code"), trace: field("trace") }
}

/// Whether the answer says that the access token is not good, or no more: another one may be.
pub(super) fn refuses_token(answer: &ProviderResponse) -> bool {
    answer.status == StatusCode::UNAUTHORIZED && said(answer).code.as_deref() != Some(WRONG_PROVIDER)
}

/// Whether the answer says that the client may not do this with whatever token.
pub(super) fn refuses_client(answer: &ProviderResponse) -> bool {
    answer.status.is_client_error() && meaning(&said(answer)) == Some(UpstreamErrorMeaning::Token)
}

/// Whether the answer says that there is no such code.
pub(super) fn is_code_unknown(answer: &ProviderResponse) -> bool {
    answer.status == StatusCode::NOT_FOUND && !answer.is_html()
        || answer.status.is_client_error()
            && meaning(&said(answer)) == Some(UpstreamErrorMeaning::CodeUnknown)
}

/// The error that an answer leads to which is not the one that was asked for.
pub(super) fn refusal(answer: &ProviderResponse, was_fast: bool) -> Error {
    let said = said(answer);
    // The two may differ; the API's own is the more exact one.
    let inner = serde_json::from_slice::<Value>(&answer.body).ok().and_then(|body| number(&body, "status"));
    match meaning(&said) {
        // Whatever the status: nothing was forbidden.
        Some(UpstreamErrorMeaning::Breakdown) => by_meaning(UpstreamErrorMeaning::Breakdown, said, was_fast),
        // What it forbids is not mended by other credentials.
        _ if answer.status == StatusCode::FORBIDDEN => by_status(answer, inner, said, was_fast),
        Some(UpstreamErrorMeaning::Configuration) | None => by_status(answer, inner, said, was_fast),
        Some(meaning) => by_meaning(meaning, said, was_fast),
    }
}

/// The error that an upstream's own code leads to, where an answer as a whole is right.
pub(super) fn refusal_by_code(said: UpstreamAnswer) -> Option<Error> {
    Some(match meaning(&said)? {
        // Nobody asked for a code.
        UpstreamErrorMeaning::CodeUnknown => Error::UpstreamForbidden { answer: said, was_fast: false },
        UpstreamErrorMeaning::Configuration => return None,
        meaning => by_meaning(meaning, said, false),
    })
}

/// Why what was asked for is denied, where the error is such an answer: not a fault of the provider, nor of our credentials.
pub(super) fn denial(error: &Error) -> Option<(RefusalReason, &UpstreamAnswer)> {
    let (Error::UpstreamForbidden { answer, .. } | Error::UpstreamRejected { answer, .. }) = error else {
        return None;
    };
    match meaning(answer)? {
        UpstreamErrorMeaning::Denied(reason) => Some((reason, answer)),
        _ => None,
    }
}

/// Why what this is said of is denied.
pub(super) fn refusal_reason(said: &UpstreamAnswer) -> RefusalReason {
    meaning(said).map_or(RefusalReason::Other, UpstreamErrorMeaning::refusal_reason)
}

fn by_meaning(meaning: UpstreamErrorMeaning, said: UpstreamAnswer, was_fast: bool) -> Error {
    match meaning {
        UpstreamErrorMeaning::Field(field) => Error::UpstreamRejected { field: Some(field), answer: said },
        UpstreamErrorMeaning::CodeUnknown => {
            Error::CodeNotFound(LookupClues { over_upstream: true, ..LookupClues::default() })
        }
        UpstreamErrorMeaning::Token => Error::UpstreamCredentialsRefused { answer: said },
        UpstreamErrorMeaning::Denied(_) => Error::UpstreamForbidden { answer: said, was_fast },
        UpstreamErrorMeaning::Configuration => Error::UpstreamRejected { field: None, answer: said },
        UpstreamErrorMeaning::Breakdown => broken("it reports a breakdown", said),
    }
}

fn by_status(answer: &ProviderResponse, inner: Option<u64>, said: UpstreamAnswer, was_fast: bool) -> Error {
    let status = answer.status;
    match status.as_u16() {
        429 => throttled(said, A_MOMENT, was_fast),
        // Too many fast requests can be answered so too, by the provider's front door (reference, section 6).
        403 if answer.is_html() => throttled(said, A_MOMENT, was_fast),
        403 => Error::UpstreamForbidden { answer: said, was_fast },
        401 => Error::UpstreamCredentialsRefused { answer: said },
        300..400 => broken("it answers with a redirect", said),
        400..500 if inner.is_some_and(|inner| inner >= 500) => broken("it reports a breakdown", said),
        400..500 => Error::UpstreamRejected { field: None, answer: said },
        500.. => broken("it reports a breakdown", said),
        _ => broken("its answer cannot be read", said),
    }
}

fn meaning(said: &UpstreamAnswer) -> Option<UpstreamErrorMeaning> {
    upstream_code::meaning(said.code.as_deref()?)
}

/// The error that an answer leads to which has the right status, but not the right content.
pub(super) fn unreadable(answer: &ProviderResponse, problem: &'static str) -> Error {
    broken(problem, UpstreamAnswer { status: Some(answer.status.as_u16()), ..UpstreamAnswer::default() })
}

/// The upstream did not answer.
pub(super) fn unavailable(problem: &'static str, retry_after: Option<Duration>) -> Error {
    Error::UpstreamUnavailable { problem, answer: UpstreamAnswer::default(), retry_after }
}

/// The upstream takes no more calls of this device for now.
pub(super) fn throttled(answer: UpstreamAnswer, retry_after: Duration, was_fast: bool) -> Error {
    Error::UpstreamThrottled { answer, retry_after, was_fast }
}

fn broken(problem: &'static str, answer: UpstreamAnswer) -> Error {
    Error::UpstreamUnavailable { problem, answer, retry_after: None }
}
