//! The responses to the provider's error codes, for each call.

use super::{body::HELP_URL, *};
use crate::domain::{
    entitlement::RefusalReason,
    error::{UpstreamAnswer, Violation},
    upstream_code::{self, UpstreamErrorMeaning},
};

fn answer(status: u16, code: &str) -> UpstreamAnswer {
    UpstreamAnswer { status: Some(status), code: Some(code.to_owned()), ..UpstreamAnswer::default() }
}

/// The error of the upstream backend for a response.
fn error(status: u16, code: &str) -> Error {
    let answer = answer(status, code);
    match status {
        401 => Error::UpstreamCredentialsRefused { answer },
        403 => Error::UpstreamForbidden { answer, was_fast: false },
        500.. => Error::UpstreamUnavailable { problem: "", answer, retry_after: None },
        _ => Error::UpstreamRejected { field: None, answer },
    }
}

fn content(endpoint: Endpoint, error: Error) -> (u16, String, &'static str) {
    let ErrorContent { status, message, code, .. } =
        FlowFailure::from(error).content(endpoint, ResponseFormat::Json);
    (status.as_u16(), message, code)
}

#[test]
fn each_code_of_the_provider_has_the_documented_response() {
    use Endpoint::{Authenticate, Authorize, Authz, CheckAuthn, FreePreview, Preauthorize, TokensAuthn};
    for (status, code, endpoint, expected, expected_code) in [
        (403, "too_many_resources", Preauthorize, 403, "too_many_resources"),
        (400, "invalid_parameter_mvpd", Authenticate, 400, "unknown_integration"),
        (400, "invalid_integration", Authorize, 400, "unknown_integration"),
        (400, "invalid_integration", Authz, 412, "unknown_integration"),
        (400, "invalid_integration", Preauthorize, 412, "unknown_integration"),
        (400, "invalid_parameter_service_provider", CheckAuthn, 400, "invalid_requestor"),
        (401, "invalid_access_token_service_provider", CheckAuthn, 400, "invalid_requestor"),
        (401, "invalid_access_token_client_application", CheckAuthn, 503, "internal_error"),
        (400, "invalid_header_device_identifier", TokensAuthn, 400, "invalid_device_id"),
        (400, "invalid_header_device_info", TokensAuthn, 400, "invalid_device_info"),
        (400, "invalid_parameter_resources", Authorize, 400, "missing_resource"),
        (400, "invalid_header_identity_for_temporary_access", FreePreview, 400, "malformed_authz_request"),
        (400, "invalid_parameter_redirect_url", Authenticate, 400, "internal_error"),
        (400, "invalid_configuration_temporary_access", CheckAuthn, 500, "internal_error"),
        (403, "invalid_configuration_platform", CheckAuthn, 500, "internal_error"),
        (403, "authenticated_profile_missing", CheckAuthn, 403, "authentication_session_missing"),
        (403, "authenticated_profile_missing", TokensAuthn, 404, "authentication_session_missing"),
        (
            403,
            "authenticated_profile_missing",
            Preauthorize,
            412,
            "preauthorization_authentication_session_missing",
        ),
        (403, "authenticated_profile_expired", TokensAuthn, 410, "authentication_session_expired"),
        (403, "temporary_access_duration_limit_exceeded", CheckAuthn, 403, "authentication_session_missing"),
        (403, "temporary_access_duration_limit_exceeded", Authorize, 403, "authorization_denied_by_mvpd"),
        (500, "internal_server_error", CheckAuthn, 500, "internal_error"),
        (403, "something_new", CheckAuthn, 503, "internal_error"),
        (400, "something_new", CheckAuthn, 400, "internal_error"),
        (404, "something_new", CheckAuthn, 500, "internal_error"),
        (405, "something_new", Authorize, 500, "internal_error"),
    ] {
        let (actual_status, _, actual_code) = content(endpoint, error(status, code));
        assert_eq!((actual_status, actual_code), (expected, expected_code), "{status} {code} {endpoint:?}");
    }
}

#[test]
fn a_fault_is_never_a_missing_login() {
    for code in upstream_code::codes() {
        let is_denial = matches!(
            upstream_code::meaning(code),
            Some(
                UpstreamErrorMeaning::Denied(_)
                    | UpstreamErrorMeaning::CodeUnknown
                    | UpstreamErrorMeaning::Field("resource_ids")
            )
        );
        for status in [400, 401, 403, 404, 405, 500, 502] {
            let content = content(Endpoint::CheckAuthn, error(status, code)).0;
            assert!(is_denial || !matches!(content, 401 | 403), "{status} {code} is answered with {content}");
        }
    }
}

#[test]
fn an_unavailable_upstream_and_a_failing_one_have_different_statuses() {
    let retry_after = Some(Duration::from_millis(1_500));
    let unavailable = |answer| Error::UpstreamUnavailable { problem: "", answer, retry_after };
    let of =
        |answer| FlowFailure::from(unavailable(answer)).content(Endpoint::TokensAuthn, ResponseFormat::Xml);
    assert_eq!(of(UpstreamAnswer::default()).status, StatusCode::SERVICE_UNAVAILABLE);
    let failed = of(answer(502, ""));
    assert_eq!((failed.status, failed.retry_after), (StatusCode::INTERNAL_SERVER_ERROR, retry_after));
}

#[test]
fn each_denial_reason_has_its_message_and_code() {
    let of = |reason, code: &str| {
        let refusal = Refusal { reason, answer: answer(200, code), message: "Subscribe".to_owned() };
        FlowFailure::Refused(refusal).content(Endpoint::Authorize, ResponseFormat::Json)
    };
    for (reason, code, message, expected) in [
        (RefusalReason::NotLoggedIn, "", NOT_AUTHENTICATED, "authentication_session_missing"),
        (RefusalReason::LoginExpired, "", NOT_AUTHENTICATED, "authentication_session_expired"),
        (RefusalReason::LoginInvalidated, "", NOT_AUTHENTICATED, "authentication_session_invalidated"),
        (RefusalReason::ViewerUnknown, "", NOT_AUTHENTICATED, "identity_not_recognized_by_mvpd"),
        (RefusalReason::HomeBased, "", NOT_AUTHENTICATED, "authorization_denied_by_hba_policies"),
        (RefusalReason::Operator, "", NOT_AUTHORIZED, "authorization_denied_by_mvpd"),
        (RefusalReason::TrialExhausted, "", NOT_AUTHORIZED, "authorization_denied_by_mvpd"),
        (RefusalReason::ParentalControls, "", NOT_AUTHORIZED, "authorization_denied_by_parental_controls"),
        (
            RefusalReason::Degradation,
            "authorization_denied_by_degradation_rule",
            NOT_AUTHORIZED,
            "authorization_denied_by_degradation_rule",
        ),
        (RefusalReason::Undecided, "", NOT_AUTHORIZED, "network_received_error"),
        (RefusalReason::Undecided, "maximum_attempts_exceeded", NOT_AUTHORIZED, "maximum_attempts_exceeded"),
        (RefusalReason::Other, "something_new", NOT_AUTHORIZED, "authorization_denied_by_mvpd"),
    ] {
        let content = of(reason, code);
        assert_eq!(
            (content.status, &*content.message, content.code),
            (StatusCode::FORBIDDEN, message, expected)
        );
        let details = if message == NOT_AUTHORIZED { "Subscribe" } else { "" };
        assert_eq!(
            matches!(&content.details, ErrorDetails::Text(text) if text == details),
            !details.is_empty()
        );
    }
    assert_eq!(of(RefusalReason::Configuration, "").status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(of(RefusalReason::Configuration, "unknown_integration").status, StatusCode::BAD_REQUEST);
}

#[test]
fn enhanced_errors_have_their_fields_in_the_documented_order() {
    let content = ErrorContent::new(StatusCode::FORBIDDEN, NOT_AUTHORIZED, AUTHORIZATION_DENIED);
    let content = content.with(ErrorDetails::Text("Subscribe".to_owned()));
    let text = String::from_utf8(render_body(&EnhancedError::new(content, "t"), ResponseFormat::Json))
        .expect("UTF-8");
    let expected = format!(
        r#"{{"action":"none","status":403,"code":"authorization_denied_by_mvpd","message":"User not authorized","details":"Subscribe","helpUrl":"{HELP_URL}","trace":"t"}}"#
    );
    assert_eq!(text, expected);
}

#[test]
fn the_code_names_the_invalid_parameter() {
    let of = |field: &str, description: &str| {
        content(Endpoint::Authorize, Error::from(Violation::new(field, description))).2
    };
    assert_eq!(of("", "Required 'deviceId' is not present"), "invalid_device_id");
    assert_eq!(of("requestor", "is unknown"), "invalid_requestor");
    assert_eq!(of("resource", "is required"), "missing_resource");
    assert_eq!(of("X-Device-Info", "must be base64"), "invalid_device_info");
    assert_eq!(of("X-Device-Info.model", "must be a string"), "invalid_device_info");
    assert_eq!(of("generic_data", "must be a JSON object"), "malformed_authz_request");
    assert_eq!(of("format", "must be json or xml"), "internal_error");
}
