//! Errors as in version 1 (reference of the device flow, section 5.2).
//!
//! Clients discard a login after a 401, and after a 403 to a check of the login. So a fault of the upstream, of our
//! credentials there, or of this server never has one of these statuses.

use std::time::Duration;

use axum::response::Response;
use http::{StatusCode, header::RETRY_AFTER};
use serde::Serialize;

use super::{EntitlementCall, document::with_body, xml};
use crate::{
    config::ResponseFormat,
    domain::{
        entitlement::{Refusal, RefusalReason},
        error::{Error, UpstreamAnswer, Violation},
        upstream_code::{self, UpstreamErrorMeaning},
    },
    rest::failure::Failure,
    telemetry,
};

/// The provider's page about error codes.
const HELP_URL: &str = "https://experienceleague.adobe.com/en/docs/pass/authentication/integration-guide-programmers/features-standard/error-reporting/enhanced-error-codes";

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

#[derive(Serialize)]
struct PlainError<'a> {
    status: u16,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Option<&'a str>>,
}

/// The enhanced error, with its fields in the documented order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnhancedError {
    action: &'static str,
    status: u16,
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<String>,
    help_url: &'static str,
    trace: String,
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
const NO_ANSWER: &str = "network_received_error";

/// The action of a client if there was no decision.
const RETRY: &str = "retry";

impl ErrorContent {
    fn new(status: StatusCode, message: impl Into<String>, code: &'static str) -> Self {
        Self { status, message: message.into(), details: ErrorDetails::Absent, code, retry_after: None }
    }

    fn with(self, details: ErrorDetails) -> Self {
        Self { details, ..self }
    }
}

impl EnhancedError {
    fn new(content: ErrorContent, trace: &str) -> Self {
        let ErrorContent { status, message, details, code, .. } = content;
        let details = match details {
            ErrorDetails::Text(text) => Some(text),
            ErrorDetails::Absent | ErrorDetails::Null => None,
        };
        let (action, status) = (action(code), status.as_u16());
        Self { action, status, code, message, details, help_url: HELP_URL, trace: trace.to_owned() }
    }
}

/// Renders the error. Numbers and strings can always be rendered.
fn render_body(error: &impl Serialize, format: ResponseFormat) -> Vec<u8> {
    match format {
        ResponseFormat::Json => serde_json::to_vec(error).unwrap_or_default(),
        ResponseFormat::Xml => xml::document("error", error).unwrap_or_default(),
    }
}

/// Returns the documented action for an error (reference of the device flow, section 5.1).
fn action(code: &str) -> &'static str {
    match code {
        "unknown_integration" | "too_many_resources" => "configuration",
        "authentication_session_issuer_mismatch"
        | "authorization_denied_by_hba_policies"
        | "authorization_denied_by_session_invalidated"
        | "identity_not_recognized_by_mvpd"
        | "authentication_session_invalidated"
        | "authentication_session_missing"
        | "authentication_session_expired"
        | "preauthorization_authentication_session_missing"
        | "preauthorization_authentication_session_expired" => "authentication",
        "authorization_not_found" | "authorization_expired" => "authorization",
        "network_received_error"
        | "network_connection_timeout"
        | "maximum_execution_time_exceeded"
        | "maximum_attempts_exceeded" => RETRY,
        _ => "none",
    }
}

/// Returns the error if no viewer is logged in, or the login has expired.
fn not_logged_in(endpoint: Endpoint, has_expired: bool) -> ErrorContent {
    let code = match (endpoint, has_expired) {
        (Endpoint::Preauthorize | Endpoint::PreauthorizeCode, false) => {
            "preauthorization_authentication_session_missing"
        }
        (Endpoint::Preauthorize | Endpoint::PreauthorizeCode, true) => {
            "preauthorization_authentication_session_expired"
        }
        (_, false) => "authentication_session_missing",
        (_, true) => "authentication_session_expired",
    };
    match endpoint {
        Endpoint::CheckAuthn if has_expired => {
            ErrorContent::new(StatusCode::FORBIDDEN, "Authentication token expired", code)
        }
        Endpoint::CheckAuthn | Endpoint::CheckAuthnCode => {
            ErrorContent::new(StatusCode::FORBIDDEN, "Forbidden", code)
        }
        Endpoint::TokensAuthn if has_expired => ErrorContent::new(StatusCode::GONE, "Gone", code),
        Endpoint::TokensAuthn | Endpoint::AuthenticateCode => {
            ErrorContent::new(StatusCode::NOT_FOUND, NOT_FOUND, code)
        }
        Endpoint::Authz | Endpoint::Preauthorize | Endpoint::PreauthorizeCode | Endpoint::UserMetadata => {
            ErrorContent::new(StatusCode::PRECONDITION_FAILED, NOT_AUTHENTICATED, code)
                .with(ErrorDetails::Null)
        }
        Endpoint::Authorize
        | Endpoint::Media
        | Endpoint::Config
        | Endpoint::Authenticate
        | Endpoint::Logout
        | Endpoint::FreePreview
        | Endpoint::Partner => ErrorContent::new(StatusCode::FORBIDDEN, NOT_AUTHENTICATED, code),
    }
}

/// Returns the error if the code is unknown for this requestor and environment.
fn unknown_code(endpoint: Endpoint) -> ErrorContent {
    let missing = "authentication_session_missing";
    match endpoint {
        Endpoint::CheckAuthnCode => ErrorContent::new(StatusCode::FORBIDDEN, "Forbidden", missing),
        Endpoint::AuthenticateCode => ErrorContent::new(StatusCode::NOT_FOUND, NOT_FOUND, missing),
        Endpoint::PreauthorizeCode => not_logged_in(endpoint, false),
        _ => ErrorContent::new(
            StatusCode::BAD_REQUEST,
            "the registration code is unknown or has expired",
            INTERNAL,
        ),
    }
}

fn of_refusal(endpoint: Endpoint, refusal: &Refusal) -> ErrorContent {
    let Refusal { reason, answer, message } = refusal;
    let details =
        || if message.is_empty() { ErrorDetails::Null } else { ErrorDetails::Text(message.clone()) };
    let denied = |code| ErrorContent::new(StatusCode::FORBIDDEN, NOT_AUTHORIZED, code).with(details());
    let log_in =
        |code| ErrorContent::new(StatusCode::FORBIDDEN, NOT_AUTHENTICATED, code).with(ErrorDetails::Null);
    // The operator may have a message besides the missing login.
    let log_in_again =
        |code| ErrorContent::new(StatusCode::FORBIDDEN, NOT_AUTHENTICATED, code).with(details());
    let known_code =
        answer.code.as_deref().and_then(|code| upstream_code::codes().find(|known| *known == code));
    match reason {
        RefusalReason::NotLoggedIn => log_in("authentication_session_missing"),
        RefusalReason::LoginExpired => log_in("authentication_session_expired"),
        RefusalReason::LoginInvalidated if is(answer, "authorization_denied_by_session_invalidated") => {
            log_in_again("authorization_denied_by_session_invalidated")
        }
        RefusalReason::LoginInvalidated => log_in_again("authentication_session_invalidated"),
        RefusalReason::ViewerUnknown => log_in_again("identity_not_recognized_by_mvpd"),
        RefusalReason::HomeBased => log_in_again("authorization_denied_by_hba_policies"),
        RefusalReason::ParentalControls => denied("authorization_denied_by_parental_controls"),
        RefusalReason::Undecided => {
            denied(known_code.filter(|code| action(code) == RETRY).unwrap_or(NO_ANSWER))
        }
        // A wrong configuration at the provider is a fault, not a denial.
        RefusalReason::Configuration => of_code(endpoint, answer).unwrap_or_else(fault),
        RefusalReason::Degradation => {
            let rule = known_code.filter(|code| code.starts_with("authorization_denied_by_degradation"));
            denied(rule.unwrap_or(AUTHORIZATION_DENIED))
        }
        RefusalReason::Operator
        | RefusalReason::TrialExpired
        | RefusalReason::TrialExhausted
        | RefusalReason::Other => denied(AUTHORIZATION_DENIED),
    }
}

fn is(answer: &UpstreamAnswer, code: &str) -> bool {
    answer.code.as_deref() == Some(code)
}

/// Returns the content for an error. The match is exhaustive, so that a new error cannot be omitted.
fn of_error(endpoint: Endpoint, error: &Error) -> ErrorContent {
    match error {
        Error::InvalidFields(violations) => {
            ErrorContent::new(StatusCode::BAD_REQUEST, error.full_message(), code_of(violations))
        }
        Error::UpstreamRejected { answer, .. } => {
            of_code(endpoint, answer).unwrap_or_else(|| match answer.status {
                // For example 404 or 405: a fault of this server or the provider, not of the call.
                Some(status) if status != 400 => fault(),
                _ => ErrorContent::new(StatusCode::BAD_REQUEST, "the provider rejected the call", INTERNAL),
            })
        }
        Error::UpstreamForbidden { answer, .. } | Error::UpstreamCredentialsRefused { answer } => {
            of_code(endpoint, answer).unwrap_or_else(unavailable)
        }
        Error::MalformedMessage(_) | Error::MessageTooLarge(_) | Error::NotATempPass { .. } => {
            ErrorContent::new(StatusCode::BAD_REQUEST, error.full_message(), INTERNAL)
        }
        Error::Unsupported(_) | Error::MethodUnknown | Error::ServiceUnknown(_) => {
            ErrorContent::new(StatusCode::NOT_FOUND, "this path does not exist for this requestor", INTERNAL)
        }
        Error::Internal(_) => fault(),
        Error::UpstreamUnavailable { answer, .. } if answer.status.is_some() => fault(),
        Error::UpstreamUnavailable { .. }
        | Error::UpstreamThrottled { .. }
        | Error::IssuerUnavailable { .. }
        | Error::StoreUnavailable(_)
        | Error::LiveCodesExhausted { .. }
        | Error::QuotaExhausted { .. }
        | Error::Throttled { .. }
        | Error::LookupBudgetExhausted { .. }
        | Error::DeadlineExceeded
        | Error::ShuttingDown => unavailable(),
        // These do not occur in this flow, or are handled before.
        Error::ProfileNotFound
        | Error::ProfileExpired
        | Error::CodeNotFound(_)
        | Error::RequestIdReused
        | Error::TempPassNotFound { .. }
        | Error::TempPassNotPromotional
        | Error::AlreadyAuthenticated { .. }
        | Error::NotAuthenticated(_)
        | Error::PermissionMissing { .. } => fault(),
    }
}

/// Returns the error for a fault of the upstream or of this server.
fn fault() -> ErrorContent {
    ErrorContent::new(StatusCode::INTERNAL_SERVER_ERROR, "the service failed; try again later", INTERNAL)
}

/// Returns the error for an unavailable service.
fn unavailable() -> ErrorContent {
    let text = "the service is unavailable; try again later";
    ErrorContent::new(StatusCode::SERVICE_UNAVAILABLE, text, INTERNAL)
}

fn too_many_resources() -> ErrorContent {
    ErrorContent::new(StatusCode::FORBIDDEN, "Too many resources", "too_many_resources")
}

/// Returns the error for the upstream's error code. `None` if the code says nothing about the call.
fn of_code(endpoint: Endpoint, answer: &UpstreamAnswer) -> Option<ErrorContent> {
    let code = answer.code.as_deref()?;
    // Some of these codes name a field, although the field is valid.
    if code.starts_with("invalid_configuration_") {
        return Some(fault());
    }
    match upstream_code::meaning(code)? {
        UpstreamErrorMeaning::Field("resource_ids") => Some(too_many_resources()),
        UpstreamErrorMeaning::Field(field) => Some(of_field(endpoint, field)),
        UpstreamErrorMeaning::Denied(reason) => {
            let answer = answer.clone();
            Some(of_denial(endpoint, &Refusal { reason, answer, message: String::new() }))
        }
        UpstreamErrorMeaning::CodeUnknown => Some(not_logged_in(endpoint, false)),
        // The requestor is configured here but not at the provider; our credentials are valid.
        UpstreamErrorMeaning::Token if code == "invalid_access_token_service_provider" => {
            Some(of_field(endpoint, "requestor_id"))
        }
        UpstreamErrorMeaning::Token => None,
        UpstreamErrorMeaning::Configuration | UpstreamErrorMeaning::Breakdown => Some(fault()),
    }
}

/// Returns the error for a denial that is an error response of the upstream.
fn of_denial(endpoint: Endpoint, refusal: &Refusal) -> ErrorContent {
    match refusal.reason {
        RefusalReason::NotLoggedIn => not_logged_in(endpoint, false),
        RefusalReason::LoginExpired => not_logged_in(endpoint, true),
        _ if matches!(endpoint, Endpoint::Authorize | Endpoint::Media) => of_refusal(endpoint, refusal),
        // A revoked login, or one with a used-up TempPass, is not a login.
        _ => not_logged_in(endpoint, false),
    }
}

/// Returns the error for a field that the upstream rejects.
fn of_field(endpoint: Endpoint, field: &str) -> ErrorContent {
    let bad = |message: &str, code| ErrorContent::new(StatusCode::BAD_REQUEST, message, code);
    match field {
        "requestor_id" => bad("the requestor is unknown", "invalid_requestor"),
        "mvpd_id" => {
            let content = bad("the operator is not integrated with the requestor", "unknown_integration");
            match endpoint {
                Endpoint::Authz | Endpoint::Preauthorize | Endpoint::PreauthorizeCode => {
                    ErrorContent { status: StatusCode::PRECONDITION_FAILED, ..content }
                }
                _ => content,
            }
        }
        "device_id" => bad("deviceId is invalid", "invalid_device_id"),
        "device" => bad("the device information is invalid", "invalid_device_info"),
        "resource_id" => bad("resource is invalid", "missing_resource"),
        "identity" => bad("generic_data is invalid", "malformed_authz_request"),
        "redirect_url" => bad("redirect_url is invalid", INTERNAL),
        _ => bad("the provider rejected the call", INTERNAL),
    }
}

/// Returns the documented code for the violations of a call.
fn code_of(violations: &[Violation]) -> &'static str {
    let of = |violation: &Violation| {
        let field = if violation.field.is_empty() { &violation.description } else { &violation.field };
        let is_about =
            |name: &str| field.split('.').next() == Some(name) || field.contains(&format!("'{name}'"));
        let codes = [
            ("requestor", "invalid_requestor"),
            ("requestor_id", "invalid_requestor"),
            ("deviceId", "invalid_device_id"),
            ("X-Device-Info", "invalid_device_info"),
            ("device_info", "invalid_device_info"),
            ("resource", "missing_resource"),
            ("generic_data", "malformed_authz_request"),
        ];
        codes.into_iter().find(|(name, _)| is_about(name)).map(|(_, code)| code)
    };
    violations.iter().find_map(of).unwrap_or(INTERNAL)
}

#[cfg(test)]
mod code_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_fault_looks_like_a_logout() {
        let answer = UpstreamAnswer { status: Some(403), ..UpstreamAnswer::default() };
        let faults = [
            Error::UpstreamForbidden { answer: answer.clone(), was_fast: false },
            Error::UpstreamCredentialsRefused { answer: answer.clone() },
            Error::UpstreamUnavailable { problem: "", answer, retry_after: None },
            Error::Internal(String::new()),
            Error::DeadlineExceeded,
            Error::ShuttingDown,
            Error::StoreUnavailable(crate::domain::error::StoreError::Unavailable(String::new())),
        ];
        for fault in faults {
            let content =
                FlowFailure::from(fault.clone()).content(Endpoint::CheckAuthn, ResponseFormat::Json);
            assert!(content.status.is_server_error(), "{fault:?} {content:?}");
        }
    }

    #[test]
    fn errors_have_the_documented_form_in_both_formats() {
        let text = |details| {
            let plain = PlainError { status: 403, message: NOT_AUTHORIZED, details };
            [ResponseFormat::Json, ResponseFormat::Xml]
                .map(|format| String::from_utf8(render_body(&plain, format)).expect("UTF-8"))
        };
        let [json, xml] = text(Some(Some("Not in your <package>")));
        assert_eq!(
            json,
            r#"{"status":403,"message":"User not authorized","details":"Not in your <package>"}"#
        );
        assert_eq!(
            xml,
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?><error><status>403</status>\
             <message>User not authorized</message><details>Not in your &lt;package&gt;</details></error>"
        );
        assert_eq!(text(Some(None))[0], r#"{"status":403,"message":"User not authorized","details":null}"#);
        assert_eq!(text(None)[0], r#"{"status":403,"message":"User not authorized"}"#);
        let content = ErrorContent::new(StatusCode::GONE, "Gone", "authorization_expired");
        let enhanced = String::from_utf8(render_body(&EnhancedError::new(content, "t"), ResponseFormat::Xml))
            .expect("UTF-8");
        let fields = "<error><action>authorization</action><status>410</status><code>authorization_expired</code>\
                      <message>Gone</message><helpUrl>";
        assert!(enhanced.contains(fields) && enhanced.ends_with("<trace>t</trace></error>"), "{enhanced}");
    }

    #[test]
    fn each_call_has_its_documented_error_for_a_missing_login() {
        let rows = [
            (Endpoint::CheckAuthn, 403, "Forbidden", 403, "Authentication token expired"),
            (Endpoint::CheckAuthnCode, 403, "Forbidden", 403, "Forbidden"),
            (Endpoint::AuthenticateCode, 404, "Not Found", 404, "Not Found"),
            (Endpoint::TokensAuthn, 404, "Not Found", 410, "Gone"),
            (Endpoint::Authorize, 403, NOT_AUTHENTICATED, 403, NOT_AUTHENTICATED),
            (Endpoint::Media, 403, NOT_AUTHENTICATED, 403, NOT_AUTHENTICATED),
            (Endpoint::Authz, 412, NOT_AUTHENTICATED, 412, NOT_AUTHENTICATED),
            (Endpoint::Preauthorize, 412, NOT_AUTHENTICATED, 412, NOT_AUTHENTICATED),
            (Endpoint::PreauthorizeCode, 412, NOT_AUTHENTICATED, 412, NOT_AUTHENTICATED),
            (Endpoint::UserMetadata, 412, NOT_AUTHENTICATED, 412, NOT_AUTHENTICATED),
        ];
        for (endpoint, missing, missing_text, expired, expired_text) in rows {
            let content = |error: Error| FlowFailure::from(error).content(endpoint, ResponseFormat::Json);
            let (none, over) = (content(Error::ProfileNotFound), content(Error::ProfileExpired));
            assert_eq!((none.status.as_u16(), &*none.message), (missing, missing_text), "{endpoint:?}");
            assert_eq!((over.status.as_u16(), &*over.message), (expired, expired_text), "{endpoint:?}");
        }
    }
}
