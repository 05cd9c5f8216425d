//! Decisions: every denial code of the provider, and errors that are not denials.

use passbridge::proto::v1::{Decision, DenialReason};
use serde_json::json;
use tonic::Code;
use tonic_types::StatusExt;

use super::{authorize, authorized, client, control, known_bridge, logged_in, preauthorize};
use crate::support::{
    Bridge,
    status::{probable_causes, refused, violated},
};

const MVPD: &str = "Cablevision";

/// The provider's codes and our reasons for them.
const DENIALS: [(&str, DenialReason); 33] = [
    ("authorization_denied_by_mvpd", DenialReason::Mvpd),
    ("preauthorization_denied_by_mvpd", DenialReason::Mvpd),
    ("authorization_not_found", DenialReason::Mvpd),
    ("authorization_expired", DenialReason::Mvpd),
    ("authorization_denied_by_parental_controls", DenialReason::ParentalControls),
    ("authorization_denied_by_hba_policies", DenialReason::HomeBased),
    ("authorization_denied_by_degradation_rule", DenialReason::Degradation),
    ("authorization_denied_by_degradation_configuration_change", DenialReason::Degradation),
    ("degraded_integration", DenialReason::Degradation),
    ("authenticated_profile_missing", DenialReason::NotLoggedIn),
    ("authentication_session_missing", DenialReason::NotLoggedIn),
    ("authentication_session_expired", DenialReason::NotLoggedIn),
    ("authentication_session_invalidated", DenialReason::NotLoggedIn),
    ("preauthorization_authentication_session_missing", DenialReason::NotLoggedIn),
    ("authenticated_profile_expired", DenialReason::LoginExpired),
    ("preauthorization_authentication_session_expired", DenialReason::LoginExpired),
    ("authenticated_profile_invalidated", DenialReason::LoginInvalidated),
    ("authorization_denied_by_session_invalidated", DenialReason::LoginInvalidated),
    ("authentication_session_issuer_mismatch", DenialReason::LoginInvalidated),
    ("identity_not_recognized_by_mvpd", DenialReason::ViewerUnknown),
    ("temporary_access_duration_limit_exceeded", DenialReason::Expired),
    ("temporary_access_resources_limit_exceeded", DenialReason::ResourcesExhausted),
    ("network_received_error", DenialReason::Undecided),
    ("network_connection_timeout", DenialReason::Undecided),
    ("maximum_execution_time_exceeded", DenialReason::Undecided),
    ("maximum_attempts_exceeded", DenialReason::Undecided),
    ("internal_server_error", DenialReason::Undecided),
    ("internal_error", DenialReason::Undecided),
    ("invalid_integration", DenialReason::Configuration),
    ("unknown_integration", DenialReason::Configuration),
    ("invalid_configuration_platform", DenialReason::Configuration),
    ("too_many_resources", DenialReason::Configuration),
    ("invalid_access_token_client_application", DenialReason::Other),
];

async fn verdict(bridge: &Bridge, code: &str) {
    control(bridge, "verdicts", json!({ "code": code, "details": "Call us, ann" })).await;
}

#[tokio::test]
async fn each_denial_code_maps_to_a_denial_reason() {
    let bridge = logged_in(MVPD).await;
    for (code, reason) in DENIALS {
        verdict(&bridge, code).await;
        let denied = authorized(&bridge, MVPD, "news").await;
        assert_eq!((denied.decision(), denied.denial_reason()), (Decision::Deny, reason), "{code}");
        assert_eq!((denied.upstream_code.as_str(), denied.denial_message.as_str()), (code, "Call us, ann"));
        assert!(denied.media_token.is_none(), "{code}");

        let mut client = client(&bridge);
        let answer =
            bridge.while_time_passes(client.preauthorize(preauthorize(MVPD, &["news", "films"]))).await;
        let decisions = answer.expect("decides").into_inner().decisions;
        assert_eq!(decisions.len(), 2);
        assert!(decisions.iter().all(|one| one.denial_reason() == reason), "{code}: {decisions:?}");
    }
}

#[tokio::test]
async fn the_source_of_a_decision_is_reported() {
    let bridge = logged_in(MVPD).await;
    for source in ["mvpd", "degradation", "temppass", "dummy"] {
        control(&bridge, "verdicts", json!({ "source": source })).await;
        let permitted = authorized(&bridge, MVPD, "news").await;
        assert_eq!((permitted.decision(), permitted.source.as_str()), (Decision::Permit, source));
    }
}

#[tokio::test]
async fn an_error_that_denies_the_whole_call_is_a_denial() {
    let bridge = logged_in(MVPD).await;
    for (code, reason) in [
        ("authenticated_profile_missing", DenialReason::NotLoggedIn),
        ("authenticated_profile_expired", DenialReason::LoginExpired),
        ("temporary_access_duration_limit_exceeded", DenialReason::Expired),
        ("authorization_denied_by_mvpd", DenialReason::Mvpd),
    ] {
        let fault = json!({ "path": "/api/v2/REF/decisions/", "problem": { "code": code }, "times": 1 });
        bridge.provider.fault(fault).await;
        let denied = authorized(&bridge, MVPD, "news").await;
        assert_eq!((denied.decision(), denied.denial_reason()), (Decision::Deny, reason), "{code}");
        assert_eq!(denied.upstream_code, code);
    }
}

#[tokio::test]
async fn a_provider_or_credentials_fault_is_not_a_denial() {
    for (code, status, reason) in [
        ("internal_server_error", Code::Unavailable, "UPSTREAM_UNAVAILABLE"),
        ("network_connection_timeout", Code::Unavailable, "UPSTREAM_UNAVAILABLE"),
        ("invalid_access_token_service_provider", Code::FailedPrecondition, "UPSTREAM_CREDENTIALS_REFUSED"),
        ("invalid_parameter_mvpd", Code::InvalidArgument, "UPSTREAM_REJECTED"),
    ] {
        let bridge = logged_in(MVPD).await;
        for path in ["/api/v2/REF/decisions/", "/api/v2/REF/profiles"] {
            bridge.provider.fault(json!({ "path": path, "problem": { "code": code } })).await;
        }
        let mut client = client(&bridge);
        for mvpd in [MVPD, ""] {
            let answer = bridge.while_time_passes(client.authorize(authorize(mvpd, "news"))).await;
            let refusal = refused(answer, status, reason);
            assert!(probable_causes(&refusal).is_some(), "{code}");
        }
    }
}

#[tokio::test]
async fn an_unreachable_provider_is_unavailable() {
    let bridge = logged_in(MVPD).await;
    bridge.provider.fault(json!({ "path": "/api/v2/", "close": {} })).await;
    let mut client = client(&bridge);
    let answer = bridge.while_time_passes(client.authorize(authorize(MVPD, "news"))).await;
    refused(answer, Code::Unavailable, "UPSTREAM_UNAVAILABLE");
}

#[tokio::test]
async fn a_resource_is_sent_and_returned_byte_for_byte() {
    let bridge = logged_in(MVPD).await;
    control(&bridge, "settings", json!({ "pads_resources": true })).await;
    let mrss = format!(
        "<rss version=\"2.0\"><channel><title>Ärger & {}</title></channel></rss> ",
        "x".repeat(9_000)
    );
    let permitted = authorized(&bridge, MVPD, &mrss).await;
    assert_eq!(permitted.decision(), Decision::Permit);
    let mut client = client(&bridge);
    let answer = bridge.while_time_passes(client.preauthorize(preauthorize(MVPD, &["a", &mrss]))).await;
    let decisions = answer.expect("decides").into_inner().decisions;
    assert_eq!((decisions[0].resource_id.as_str(), &decisions[1].resource_id), ("a", &mrss));
}

#[tokio::test]
async fn the_provider_limits_resources_and_ours_is_fifty() {
    let bridge = known_bridge().await;
    let mut client = client(&bridge);
    let six = preauthorize(MVPD, &["1", "2", "3", "4", "5", "6"]);
    let answer = bridge.while_time_passes(client.preauthorize(six)).await;
    let status = refused(answer, Code::InvalidArgument, "UPSTREAM_REJECTED");
    let metadata = status.get_details_error_info().expect("carries ErrorInfo").metadata;
    assert_eq!(metadata["upstream_code"], "too_many_resources");
    assert!(status.message().contains("resource_ids"), "{status:?}");
    assert_eq!(violated(client.preauthorize(preauthorize(MVPD, &["a"; 51])).await), ["resource_ids"]);
    assert_eq!(violated(client.preauthorize(preauthorize(MVPD, &[])).await), ["resource_ids"]);
    let odd = preauthorize(MVPD, &["a", " ", &"x".repeat(65_537)]);
    assert_eq!(violated(client.preauthorize(odd).await), ["resource_ids[1]", "resource_ids[2]"]);
}

#[tokio::test]
async fn all_missing_device_values_are_reported_at_once() {
    let bridge = known_bridge().await;
    let mut request = authorize(MVPD, "");
    (request.device, request.device_id) = (None, String::new());
    assert_eq!(violated(client(&bridge).authorize(request).await), ["device_id", "resource_id"]);
    let mut request = authorize(MVPD, "news");
    (request.device, request.device_ip) = (None, String::new());
    assert_eq!(violated(client(&bridge).authorize(request).await), ["device", "device_ip"]);
}
