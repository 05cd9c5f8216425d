//! The content of errors, by call: for a missing login, an unknown code, a denial, and every other error (reference of the device
//! flow, section 5.2).

use http::StatusCode;

use super::{
    AUTHORIZATION_DENIED, Endpoint, ErrorContent, ErrorDetails, INTERNAL, NOT_AUTHENTICATED, NOT_AUTHORIZED,
    NOT_FOUND,
    body::{RETRY, action},
};
use crate::domain::{
    entitlement::{Refusal, RefusalReason},
    error::{Error, UpstreamAnswer, Violation},
    upstream_code::{self, UpstreamErrorMeaning},
};

/// The code for an undecided request whose reason is unknown.
const NO_ANSWER: &str = "network_received_error";

/// Returns the error if no viewer is logged in, or the login has expired.
pub(super) fn not_logged_in(endpoint: Endpoint, has_expired: bool) -> ErrorContent {
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
pub(super) fn unknown_code(endpoint: Endpoint) -> ErrorContent {
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

/// Returns the error for a decision that is not a permit.
pub(super) fn of_refusal(endpoint: Endpoint, refusal: &Refusal) -> ErrorContent {
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
pub(super) fn of_error(endpoint: Endpoint, error: &Error) -> ErrorContent {
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

pub(super) fn too_many_resources() -> ErrorContent {
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
