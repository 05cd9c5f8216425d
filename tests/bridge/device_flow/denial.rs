//! Every call in every format: without a login, with an expired login, with a denial of the operator, and with an unknown
//! code.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    answer, code, control, deny,
    endpoint::{ENDPOINTS, Endpoint, FormatSource, every_format},
    field, logged_in, tv,
};
use crate::support::http::Answer;

/// Asserts a documented error in the requested format.
#[track_caller]
fn assert_error(endpoint: &Endpoint, answered: &Answer, format: &str, status: u16) {
    if format == "json" {
        assert!(!answer::message(answered, status).is_empty(), "{}: {answered:?}", endpoint.name);
    } else {
        let body = answer::xml(answered, status);
        let error = answer::element(body, "error");
        assert_eq!(answer::element(error, "status"), status.to_string(), "{}: {body}", endpoint.name);
        assert!(!answer::element(error, "message").is_empty(), "{}: {body}", endpoint.name);
    }
}

#[tokio::test]
async fn every_call_reports_a_device_that_is_not_logged_in() {
    let bridge = field().await;
    let tv = tv(&bridge).await;
    let code = code(&tv).await;
    for endpoint in &ENDPOINTS {
        for (source, format) in every_format() {
            let answered = endpoint.ask(&tv, &code, source, format).await;
            assert_eq!(answered.status, endpoint.not_logged_in, "{} {source:?}: {answered:?}", endpoint.name);
            if endpoint.not_logged_in >= 400 {
                assert_error(endpoint, &answered, format, endpoint.not_logged_in);
            }
        }
    }
}

#[tokio::test]
async fn an_expired_login_is_distinguished_from_none() {
    let bridge = field().await;
    control(&bridge, "settings", json!({ "profile_ms": 600_000 })).await;
    let (tv, code) = logged_in(&bridge).await;
    bridge.advance(Duration::from_secs(601)).await;
    for endpoint in &ENDPOINTS {
        for (source, format) in every_format() {
            let answered = endpoint.ask(&tv, &code, source, format).await;
            assert_eq!(answered.status, endpoint.expired, "{} {source:?}: {answered:?}", endpoint.name);
            if endpoint.expired >= 400 {
                assert_error(endpoint, &answered, format, endpoint.expired);
            }
        }
    }
}

#[tokio::test]
async fn the_messages_match_the_documents() {
    let bridge = field().await;
    control(&bridge, "settings", json!({ "profile_ms": 600_000 })).await;
    let tv = tv(&bridge).await;
    let device = "requestor=REF&deviceId=2ab3fb02b8e2a2f2";
    let message_of =
        async |path: &str, status| answer::message(&tv.get(&format!("{path}.json?{device}")).await, status);
    let answer_of = async |path: &str, status| {
        answer::json(&tv.get(&format!("{path}.json?{device}&resource=news")).await, status)
    };
    assert_eq!(message_of("/api/v1/tokens/authn", 404).await, "Not Found");
    assert_eq!(answer_of("/api/v1/authorize", 403).await["message"], "User not authenticated");
    let missing = json!({ "status": 412, "message": "User not authenticated", "details": null });
    assert_eq!(answer_of("/api/v1/tokens/authz", 412).await, missing);

    let code = code(&tv).await;
    super::second_screen::log_in(&bridge, &code, super::MVPD).await;
    bridge.advance(Duration::from_secs(5)).await;
    let none = json!({ "status": 404, "message": "Not Found", "details": null });
    assert_eq!(answer_of("/api/v1/tokens/authz", 404).await, none);
    control(&bridge, "verdicts", json!({ "authorized": true, "ttl_ms": 60_000 })).await;
    answer_of("/api/v1/authorize", 200).await;
    bridge.advance(Duration::from_secs(61)).await;
    let gone = json!({ "status": 410, "message": "Gone", "details": null });
    assert_eq!(answer_of("/api/v1/tokens/authz", 410).await, gone);

    bridge.advance(Duration::from_secs(600)).await;
    assert_eq!(message_of("/api/v1/tokens/authn", 410).await, "Gone");
    assert_eq!(message_of("/api/v1/checkauthn", 403).await, "Authentication token expired");
    let xml = tv.get(&format!("/api/v1/tokens/authz.xml?{device}&resource=news")).await;
    assert!(!answer::xml(&xml, 412).contains("details"), "omitted from XML: {xml:?}");
}

#[tokio::test]
async fn a_denial_has_the_operators_own_message() {
    let bridge = field().await;
    let (tv, code) = logged_in(&bridge).await;
    for reason in [
        "authorization_denied_by_mvpd",
        "authorization_denied_by_parental_controls",
        "authorization_denied_by_degradation_rule",
        "authorization_denied_by_hba_policies",
        "temporary_access_duration_limit_exceeded",
        "network_connection_timeout",
        "maximum_execution_time_exceeded",
    ] {
        deny(&bridge, reason).await;
        for endpoint in &ENDPOINTS {
            let is_decided = ["authorize", "tokens/media", "mediatoken"].contains(&endpoint.name);
            let is_listed = endpoint.name.starts_with("preauthorize");
            for (source, format) in every_format().filter(|_| is_decided || is_listed) {
                let answered = endpoint.ask(&tv, &code, source, format).await;
                if is_decided {
                    assert_error(endpoint, &answered, format, 403);
                    let details = if format == "json" {
                        answer::text(&answer::json(&answered, 403), "details")
                    } else {
                        answer::element(&answered.body, "details").to_owned()
                    };
                    assert_eq!(details, "Call us, ann", "{}: {reason}", endpoint.name);
                } else if format == "json" {
                    let answered = answer::json(&answered, 200);
                    let resources = answered["resources"].as_array().expect("a list");
                    let allowed: Vec<_> = resources.iter().map(|one| &one["authorized"]).collect();
                    assert_eq!(allowed, [&Value::Bool(false); 2], "{reason}: {answered}");
                } else {
                    let body = answer::xml(&answered, 200);
                    assert_eq!(body.matches("<authorized>false</authorized>").count(), 2, "{body}");
                }
            }
        }
        // No denial logs the viewer out.
        assert_eq!(super::check_login(&tv).await, 200, "{reason}");
    }
    bridge.provider.control("DELETE", "verdicts", Value::Null).await;
    let about = "requestor=REF&deviceId=2ab3fb02b8e2a2f2&resource=news";
    answer::json(&tv.get(&format!("/api/v1/authorize.json?{about}")).await, 200);
}

#[tokio::test]
async fn a_denial_replaces_an_earlier_permission() {
    let bridge = field().await;
    let (tv, _) = logged_in(&bridge).await;
    let about = "requestor=REF&deviceId=2ab3fb02b8e2a2f2&resource=news";
    control(&bridge, "verdicts", json!({ "authorized": true, "ttl_ms": 600_000, "times": 1 })).await;
    answer::json(&tv.get(&format!("/api/v1/authorize.json?{about}")).await, 200);
    deny(&bridge, "authorization_denied_by_mvpd").await;
    // The earlier decision is cached, so the provider is not called.
    answer::json(&tv.get(&format!("/api/v1/authorize.json?{about}")).await, 200);
    answer::json(&tv.get(&format!("/api/v1/tokens/media.json?{about}")).await, 200);
    // Its media token is used up, so another one requires a new decision.
    answer::message(&tv.get(&format!("/api/v1/tokens/media.json?{about}")).await, 403);
    answer::message(&tv.get(&format!("/api/v1/authorize.json?{about}")).await, 403);
    answer::message(&tv.get(&format!("/api/v1/tokens/authz.json?{about}")).await, 404);
}

#[tokio::test]
async fn a_revoked_login_ends_with_the_first_decision_that_reports_it() {
    let bridge = field().await;
    let (tv, _) = logged_in(&bridge).await;
    control(&bridge, "profiles/invalidate", json!({})).await;
    let about = "requestor=REF&deviceId=2ab3fb02b8e2a2f2&resource=news";
    answer::message(&tv.get(&format!("/api/v1/authorize.json?{about}")).await, 403);
    assert_eq!(super::check_login(&tv).await, 403, "the provider is called despite the cache");
}

#[tokio::test]
async fn every_call_with_a_code_reports_an_unknown_one() {
    let bridge = field().await;
    let (tv, code) = logged_in(&bridge).await;
    for unknown in ["ZZZZZZZ", "A"] {
        for endpoint in &ENDPOINTS {
            let Some(status) = endpoint.unknown_code else { continue };
            for (source, format) in every_format() {
                let answered = endpoint.ask(&tv, unknown, source, format).await;
                assert_error(endpoint, &answered, format, status);
                // The budget of wrong codes refills with time.
                super::forget_answers(&bridge).await;
            }
        }
    }
    let absurd = code.repeat(40);
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.unknown_code.is_some()) {
        assert_error(
            endpoint,
            &endpoint.ask(&tv, &absurd, FormatSource::Extension, "json").await,
            "json",
            400,
        );
    }
    assert_eq!(super::check_login(&tv).await, 200);
}
