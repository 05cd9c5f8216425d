//! Errors as in version 1 (reference of the device flow, section 5.2).
//!
//! Clients discard a login after a 401, and after a 403 to a check of the login. So a fault of the upstream, of our
//! credentials there, or of this server never has one of these statuses.

mod body;
#[cfg(test)]
mod code_tests;
mod content;
#[cfg(test)]
mod tests;

use std::time::Duration;

use axum::response::Response;
use http::{StatusCode, header::RETRY_AFTER};

use self::{
    body::{EnhancedError, PlainError, render_body},
    content::{not_logged_in, of_error, of_refusal, too_many_resources, unknown_code},
};
use super::{EntitlementCall, document::with_body};
use crate::{
    config::ResponseFormat,
    domain::{entitlement::Refusal, error::Error},
    rest::failure::Failure,
    telemetry,
};

/// The failed call: the same error has different responses for different calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rest) enum Endpoint {
    Config,
    Authenticate,
    AuthenticateCode,
    CheckAuthn,
    CheckAuthnCode,
    TokensAuthn,
    Authorize,
    Authz,
    Media,
    Preauthorize,
    PreauthorizeCode,
    UserMetadata,
    Logout,
    FreePreview,
    Partner,
}

impl Endpoint {
    /// Returns the name of the requestor parameter.
    pub(super) fn requestor_name(self) -> &'static str {
        match self {
            Self::Authenticate | Self::FreePreview => "requestor_id",
            _ => "requestor",
        }
    }

    /// Reports whether second-screen pages call it from a browser, without a token (reference of the device flow, section 1.0).
    pub(in crate::rest) fn is_of_second_screen(self) -> bool {
        matches!(self, Self::Config | Self::Authenticate | Self::CheckAuthnCode | Self::PreauthorizeCode)
    }
}

/// The reason why a call fails.
#[derive(Debug)]
pub(in crate::rest) enum FlowFailure {
    /// The error of a use case.
    Domain(Error),
    /// The operator, or another decision maker, denied it.
    Refused(Refusal),
    /// The requested token does not exist.
    NotFound,
    /// The requested token has expired.
    Gone,
    /// The call is invalid or not supported.
    BadRequest(String),
    /// The call has too many resources.
    TooManyResources,
    /// A failure with the same response on every path.
    Other(Failure),
}

impl From<Error> for FlowFailure {
    fn from(error: Error) -> Self {
        match error {
            // Errors of rate limits and authentication have the same response on every path.
            Error::Throttled { .. }
            | Error::UpstreamThrottled { .. }
            | Error::LookupBudgetExhausted { .. }
            | Error::NotAuthenticated(_)
            | Error::PermissionMissing { .. } => Self::Other(error.into()),
            error => Self::Domain(error),
        }
    }
}

impl From<Failure> for FlowFailure {
    fn from(failure: Failure) -> Self {
        Self::Other(failure)
    }
}

/// The content of an error. The plain error has only the first three fields.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ErrorContent {
    status: StatusCode,
    message: String,
    details: ErrorDetails,
    /// The documented code of the enhanced error, which also determines its action.
    code: &'static str,
    /// The time after which the call may be retried, if known.
    retry_after: Option<Duration>,
}

/// The operator's message for the viewer.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ErrorDetails {
    /// The documented response does not have the field.
    Absent,
    /// The documented response has `null`.
    Null,
    Text(String),
}

impl FlowFailure {
    pub(super) fn bad_request(message: &str) -> Self {
        Self::BadRequest(message.to_owned())
    }

    /// Returns the error for one of several resources.
    pub(super) fn of_item(refusal: &Refusal, trace: &str) -> EnhancedError {
        let mut content = of_refusal(Endpoint::Preauthorize, refusal);
        if content.code == AUTHORIZATION_DENIED {
            content.code = "preauthorization_denied_by_mvpd";
        }
        EnhancedError::new(content, trace)
    }

    pub(super) fn render(&self, endpoint: Endpoint, flow: &EntitlementCall<'_>) -> Response {
        let content = self.content(endpoint, flow.format);
        let body = if flow.has_enhanced_errors() {
            let enhanced = EnhancedError::new(content.clone(), &flow.trace());
            render_body(&enhanced, flow.format)
        } else {
            let details = match &content.details {
                ErrorDetails::Absent => None,
                // Documented only in JSON.
                ErrorDetails::Null => (flow.format == ResponseFormat::Json).then_some(None),
                ErrorDetails::Text(text) => Some(Some(text.as_str())),
            };
            let plain = PlainError { status: content.status.as_u16(), message: &content.message, details };
            render_body(&plain, flow.format)
        };
        let mut response = with_body(content.status, flow.format, body);
        if let Some(delay) = content.retry_after {
            let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }

    fn content(&self, endpoint: Endpoint, format: ResponseFormat) -> ErrorContent {
        let content = self.content_for_endpoint(endpoint);
        match format {
            ResponseFormat::Xml if content.message == NOT_FOUND => {
                ErrorContent { message: NOT_FOUND_IN_XML.to_owned(), ..content }
            }
            ResponseFormat::Xml | ResponseFormat::Json => content,
        }
    }

    fn content_for_endpoint(&self, endpoint: Endpoint) -> ErrorContent {
        match self {
            Self::Domain(error) => {
                telemetry::report_error(error);
                match error {
                    Error::ProfileNotFound => not_logged_in(endpoint, false),
                    Error::ProfileExpired => not_logged_in(endpoint, true),
                    Error::CodeNotFound(_) => unknown_code(endpoint),
                    error => ErrorContent { retry_after: error.retry_after(), ..of_error(endpoint, error) },
                }
            }
            Self::Refused(refusal) => of_refusal(endpoint, refusal),
            Self::NotFound => {
                let details =
                    if endpoint == Endpoint::Authz { ErrorDetails::Null } else { ErrorDetails::Absent };
                ErrorContent::new(StatusCode::NOT_FOUND, NOT_FOUND, "authorization_not_found").with(details)
            }
            Self::Gone => {
                ErrorContent::new(StatusCode::GONE, "Gone", "authorization_expired").with(ErrorDetails::Null)
            }
            Self::BadRequest(message) => ErrorContent::new(StatusCode::BAD_REQUEST, message, INTERNAL),
            Self::TooManyResources => too_many_resources(),
            // Rendered by the middleware.
            Self::Other(failure) => ErrorContent::new(failure.status(), "", INTERNAL),
        }
    }
}

// The documented samples of the two formats differ.
const NOT_FOUND: &str = "Not Found";
const NOT_FOUND_IN_XML: &str = "Not found";
const NOT_AUTHENTICATED: &str = "User not authenticated";
const NOT_AUTHORIZED: &str = "User not authorized";
const AUTHORIZATION_DENIED: &str = "authorization_denied_by_mvpd";
const INTERNAL: &str = "internal_error";

impl ErrorContent {
    fn new(status: StatusCode, message: impl Into<String>, code: &'static str) -> Self {
        Self { status, message: message.into(), details: ErrorDetails::Absent, code, retry_after: None }
    }

    fn with(self, details: ErrorDetails) -> Self {
        Self { details, ..self }
    }
}
