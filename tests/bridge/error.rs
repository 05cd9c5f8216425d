//! The provider's error responses as our errors: code, reason, metadata and causes, in one table.

use passbridge::config::BackendKind;
use serde_json::json;
use tonic::Code;
use tonic_types::StatusExt;

use crate::support::{
    Bridge, create,
    request::{delete, get},
    status::{probable_causes, refused},
};

struct Case {
    status: u16,
    body: &'static str,
    code: Code,
    reason: &'static str,
    upstream_code: Option<&'static str>,
    first_cause: &'static str,
}

const fn case(
    status: u16,
    body: &'static str,
    code: Code,
    reason: &'static str,
    upstream_code: Option<&'static str>,
    first_cause: &'static str,
) -> Case {
    Case { status, body, code, reason, upstream_code, first_cause }
}

const CASES: [Case; 14] = [
    case(400, r#"{"status":400,"message":"no"}"#, Code::InvalidArgument, "UPSTREAM_REJECTED", None, "URL"),
    case(400, "<html>no", Code::InvalidArgument, "UPSTREAM_REJECTED", None, "URL"),
    case(404, "<html>no", Code::InvalidArgument, "UPSTREAM_REJECTED", None, "URL"),
    case(
        400,
        r#"{"status":400,"code":"invalid_parameter_service_provider","message":"no","trace":"t-1"}"#,
        Code::InvalidArgument,
        "UPSTREAM_REJECTED",
        Some("invalid_parameter_service_provider"),
        "requestor",
    ),
    case(
        400,
        r#"{"status":400,"code":"unknown_integration","trace":"t-1"}"#,
        Code::InvalidArgument,
        "UPSTREAM_REJECTED",
        Some("unknown_integration"),
        "requestor",
    ),
    case(
        400,
        r#"{"status":400,"code":"invalid_header_device_info","trace":"t-1"}"#,
        Code::InvalidArgument,
        "UPSTREAM_REJECTED",
        Some("invalid_header_device_info"),
        "device information",
    ),
    case(
        400,
        r#"{"status":400,"code":"invalid_access_token_service_provider","trace":"t-1"}"#,
        Code::FailedPrecondition,
        "UPSTREAM_CREDENTIALS_REFUSED",
        Some("invalid_access_token_service_provider"),
        "software statement",
    ),
    case(
        403,
        r#"{"status":403,"message":"no"}"#,
        Code::PermissionDenied,
        "UPSTREAM_FORBIDDEN",
        None,
        "act for this requestor",
    ),
    case(
        500,
        r#"{"status":500,"code":"internal_server_error","trace":"t-1"}"#,
        Code::Unavailable,
        "UPSTREAM_UNAVAILABLE",
        Some("internal_server_error"),
        "outage",
    ),
    case(
        400,
        r#"{"status":504,"code":"network_connection_timeout","trace":"t-1"}"#,
        Code::Unavailable,
        "UPSTREAM_UNAVAILABLE",
        Some("network_connection_timeout"),
        "outage",
    ),
    // The two statuses differ, and the one in the body is more exact.
    case(
        400,
        r#"{"status":503,"code":"something_new"}"#,
        Code::Unavailable,
        "UPSTREAM_UNAVAILABLE",
        Some("something_new"),
        "outage",
    ),
    case(503, "<html>no", Code::Unavailable, "UPSTREAM_UNAVAILABLE", None, "outage"),
    case(
        418,
        r#"{"code":"a code\nwith a line","status":418}"#,
        Code::InvalidArgument,
        "UPSTREAM_REJECTED",
        Some("acodewithaline"),
        "URL",
    ),
    case(302, "", Code::Unavailable, "UPSTREAM_UNAVAILABLE", None, "outage"),
];

#[tokio::test]
async fn every_provider_error_maps_to_one_of_ours() {
    for backend in [BackendKind::V1, BackendKind::V2] {
        let bridge = Bridge::over(backend).await;
        for (index, case) in CASES.iter().enumerate() {
            bridge.provider.clear_faults().await;
            let media_type = if case.body.starts_with('{') { "application/json" } else { "text/html" };
            for path in ["/reggie/", "/api/v2/"] {
                let status = json!({ "status": case.status, "content_type": media_type, "body": case.body });
                bridge.provider.fault(json!({ "path": path, "status": status })).await;
            }
            let request = crate::support::create_from(index);
            let answer = bridge.server.codes().create_registration_code(request).await;
            let status = refused(answer, case.code, case.reason);
            let info = status.get_details_error_info().expect("present");
            assert_eq!(info.metadata["upstream_status"], case.status.to_string(), "{}", case.body);
            assert_eq!(info.metadata.get("upstream_code").map(String::as_str), case.upstream_code);
            if case.body.contains("trace") {
                assert_eq!(info.metadata["upstream_trace"], "t-1");
            }
            let causes = probable_causes(&status).expect("has causes").causes;
            assert!(causes[0].cause.contains(case.first_cause), "{}: {:?}", case.body, causes[0]);
            assert!(causes.iter().all(|cause| !cause.remedy.is_empty()));
            assert!(!format!("{status:?}").contains("html"), "the caller gets nothing else of the response");
        }
    }
}

#[tokio::test]
async fn a_page_instead_of_an_api_response_means_rate_limited() {
    for (status, backend) in
        [(429, BackendKind::V1), (403, BackendKind::V1), (429, BackendKind::V2), (403, BackendKind::V2)]
    {
        let bridge = Bridge::over(backend).await;
        bridge.created().await;
        let page = json!({ "status": status, "content_type": "text/html", "body": "<html>slow down" });
        for path in ["/reggie/", "/api/v2/"] {
            bridge.provider.fault(json!({ "path": path, "status": page })).await;
        }
        let mut codes = bridge.server.codes();
        let answer = bridge.while_time_passes(codes.create_registration_code(create())).await;
        let refused = refused(answer, Code::ResourceExhausted, "UPSTREAM_THROTTLED");
        assert!(refused.get_details_retry_info().is_some());
        let causes = probable_causes(&refused).expect("has causes").causes;
        assert!(causes.iter().any(|cause| cause.cause.contains("too fast")), "{causes:?}");
    }
}

#[tokio::test]
async fn for_a_fast_device_rate_limiting_is_the_likeliest_cause() {
    let bridge = Bridge::over(BackendKind::V1).await;
    let page = json!({ "status": 403, "content_type": "text/html", "body": "<html>" });
    bridge.provider.fault(json!({ "path": "/reggie/", "status": page })).await;
    let mut first_causes = Vec::new();
    for _ in 0..2 {
        let answer = bridge.server.codes().create_registration_code(create()).await;
        let status = refused(answer, Code::ResourceExhausted, "UPSTREAM_THROTTLED");
        first_causes.push(probable_causes(&status).expect("has causes").causes.remove(0).cause);
    }
    assert!(first_causes[0].contains("under one address"), "{first_causes:?}");
    assert!(first_causes[1].contains("too fast"), "{first_causes:?}");
}

#[tokio::test]
async fn an_unknown_code_has_the_providers_message() {
    let bridge = Bridge::over(BackendKind::V2).await;
    let answer = bridge.server.codes().get_registration_code(get("BBBBBBB")).await;
    let status = refused(answer, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
    let causes = probable_causes(&status).expect("has causes").causes;
    for part in ["requestor in this environment", "cross-site scripting", "hosts file"] {
        assert!(causes.iter().any(|cause| cause.cause.contains(part)), "{part}: {causes:?}");
    }
}

#[tokio::test]
async fn a_logged_in_device_gets_its_operator_instead_of_a_code() {
    let bridge = Bridge::over(BackendKind::V2).await;
    let with_mvpd = || passbridge::proto::v1::CreateRegistrationCodeRequest {
        mvpd_id: "Cablevision".to_owned(),
        ..create()
    };
    let created = bridge.server.created_by(with_mvpd()).await;
    bridge.provider.log_in(&created.code, "Cablevision").await;
    let answer = bridge.server.codes().create_registration_code(with_mvpd()).await;
    let status = refused(answer, Code::FailedPrecondition, "ALREADY_AUTHENTICATED");
    assert_eq!(status.get_details_error_info().expect("present").metadata["mvpd_id"], "Cablevision");
}

#[tokio::test]
async fn a_404_is_an_unknown_code_in_both_versions() {
    for backend in [BackendKind::V1, BackendKind::V2] {
        let bridge = Bridge::over(backend).await;
        let created = bridge.created().await;
        let not_found =
            json!({ "status": 404, "content_type": "application/json", "body": "{\"status\":404}" });
        for path in ["/reggie/", "/api/v2/"] {
            bridge.provider.fault(json!({ "path": path, "method": "GET", "status": not_found })).await;
        }
        let answer = bridge.server.codes().get_registration_code(get(&created.code)).await;
        refused(answer, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
        bridge.provider.clear_faults().await;
        let answer = bridge.server.codes().get_registration_code(get(&created.code)).await;
        answer.expect("one failed lookup does not end the code");
    }
}

#[tokio::test]
async fn unknown_and_finished_codes_get_the_same_answer() {
    for backend in [BackendKind::V1, BackendKind::V2] {
        let bridge = Bridge::over(backend).await;
        let mut codes = bridge.server.codes();
        let unknown = codes.get_registration_code(get("BBBBBBB")).await.expect_err("is unknown");
        let created = bridge.created().await;
        codes.delete_registration_code(delete(&created.code)).await.expect("deletes");
        let ended = codes.get_registration_code(get(&created.code)).await.expect_err("has ended");
        assert_eq!((unknown.code(), unknown.message()), (ended.code(), ended.message()));
        assert_eq!(unknown.details(), ended.details(), "identical bytes");
    }
}
