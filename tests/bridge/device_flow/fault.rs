//! Every call in every format while the provider fails: errors have the requested format, never blame the client's token or
//! login, and log no viewer out.

use std::time::Duration;

use passbridge::config::{BackendKind, HumanDuration};
use serde_json::{Value, json};

use super::{
    MVPD, answer, check_login, configure,
    endpoint::{ENDPOINTS, LOGOUT, every_format},
    forget_answers, logged_in, second_screen,
};
use crate::support::{Bridge, http::Answer};

/// What the provider does to every call of its version 2, by name.
fn faults() -> [(&'static str, Value); 9] {
    let page = |status: u16| json!({ "status": { "status": status, "content_type": "text/html", "body": "<html>no" } });
    [
        ("an error of the provider's", json!({ "problem": { "code": "internal_server_error" } })),
        ("a page with 502", page(502)),
        ("a page with 200", page(200)),
        ("a page with 403", page(403)),
        ("no answer", json!({ "hang": {} })),
        ("a broken connection", json!({ "close": {} })),
        ("bytes that are no JSON", json!({ "garbage": {} })),
        ("429", page(429)),
        ("401", json!({ "problem": { "code": "invalid_access_token_client_application", "status": 401 } })),
    ]
}

/// A server with a short upstream timeout.
async fn impatient() -> Bridge {
    Bridge::configured(BackendKind::V2, |config| {
        configure(config);
        let environment = config.environments.get_mut("default").expect("present");
        environment.upstream_timeout = HumanDuration(Duration::from_millis(300));
    })
    .await
}

async fn break_with(bridge: &Bridge, fault: &Value) {
    bridge.provider.clear_faults().await;
    let mut fault = fault.clone();
    fault["path"] = json!("/api/v2/");
    bridge.provider.fault(fault).await;
}

/// Asserts that known values are still returned, and that other calls report a server fault or a rate limit.
#[track_caller]
fn assert_no_blame(place: &str, answered: &Answer, format: &str) {
    match answered.status.as_u16() {
        200 | 204 | 302 => {}
        // The used code stays used.
        400 if place.contains("authenticate in") => {}
        429 => assert!(answered.header("content-type").starts_with("text/html"), "{place}: {answered:?}"),
        status @ (500 | 503) if format == "json" => {
            answer::message(answered, status);
        }
        status @ (500 | 503) => {
            answer::element(answer::xml(answered, status), "message");
        }
        _ => panic!("{place}: {answered:?}"),
    }
}

#[tokio::test]
async fn no_provider_fault_blames_a_client_or_logs_a_viewer_out() {
    let bridge = impatient().await;
    let (tv, code) = logged_in(&bridge).await;
    // An earlier decision stays cached whatever the provider does.
    let about = "requestor=REF&deviceId=2ab3fb02b8e2a2f2&resource=news";
    answer::json(&tv.get(&format!("/api/v1/authorize.json?{about}")).await, 200);
    for (name, fault) in faults() {
        // The token expires before the list does.
        let tv = super::tv(&bridge).await;
        for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.method != LOGOUT.method) {
            for (source, format) in every_format() {
                break_with(&bridge, &fault).await;
                forget_answers(&bridge).await;
                let answered = endpoint.ask(&tv, &code, source, format).await;
                let place = format!("{name}: {} in {format} by {source:?}", endpoint.name);
                assert_no_blame(&place, &answered, format);
            }
        }
        bridge.provider.clear_faults().await;
        forget_answers(&bridge).await;
        assert_eq!(check_login(&tv).await, 200, "{name}");
    }
}

#[tokio::test]
async fn refused_credentials_are_not_reported_as_a_client_error() {
    let bridge = impatient().await;
    let (tv, code) = logged_in(&bridge).await;
    // An earlier decision stays cached whatever the provider does.
    let about = "requestor=REF&deviceId=2ab3fb02b8e2a2f2&resource=news";
    answer::json(&tv.get(&format!("/api/v1/authorize.json?{about}")).await, 200);
    bridge.provider.forget_tokens().await;
    let refused =
        json!({ "status": 400, "content_type": "application/json", "body": r#"{"error":"invalid_client"}"# });
    bridge.provider.fault(json!({ "path": "/o/client/token", "status": refused })).await;
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.method != LOGOUT.method) {
        for (source, format) in every_format() {
            forget_answers(&bridge).await;
            let answered = endpoint.ask(&tv, &code, source, format).await;
            let place = format!("{} in {format}", endpoint.name);
            assert_no_blame(&place, &answered, format);
        }
    }
}

#[tokio::test]
async fn a_refused_upstream_token_is_renewed_without_a_client_error() {
    let bridge = impatient().await;
    let (tv, _) = logged_in(&bridge).await;
    bridge.provider.forget_tokens().await;
    forget_answers(&bridge).await;
    assert_eq!(check_login(&tv).await, 200);
    assert_eq!(bridge.provider.issued().await.0, 1, "no new registration");
}

#[tokio::test]
async fn a_fault_during_a_login_does_not_require_a_new_code() {
    let bridge = impatient().await;
    let tv = super::tv(&bridge).await;
    let code = super::code(&tv).await;
    let page = second_screen::browser(&bridge);
    let query = format!(
        "requestor_id=REF&mso_id={MVPD}&reg_code={code}&domain_name=adobe.com\
         &redirect_url=https%3A%2F%2Factivate.example.com%2Fdone&format=json"
    );
    for (name, fault) in faults() {
        break_with(&bridge, &fault).await;
        forget_answers(&bridge).await;
        let started = page.get(&format!("/api/v1/authenticate?{query}")).await;
        assert_no_blame(name, &started, "json");
        let answered = tv.get(&format!("/api/v1/authenticate/{code}.json?requestor=REF")).await;
        assert_no_blame(name, &answered, "json");
    }
    bridge.provider.clear_faults().await;
    bridge.advance(Duration::from_secs(120)).await;
    second_screen::log_in(&bridge, &code, MVPD).await;
    assert_eq!(check_login(&tv).await, 200);
}

#[tokio::test]
async fn a_logout_that_does_not_reach_the_provider_fails_and_can_be_repeated() {
    let bridge = impatient().await;
    let (tv, _) = logged_in(&bridge).await;
    break_with(&bridge, &json!({ "close": {} })).await;
    let path = "/api/v1/logout.json?requestor=REF&deviceId=2ab3fb02b8e2a2f2";
    let refused = tv.delete(path).await;
    assert!(refused.status.is_server_error(), "{refused:?}");
    answer::message(&refused, refused.status.as_u16());
    bridge.provider.clear_faults().await;
    forget_answers(&bridge).await;
    answer::empty(&tv.delete(path).await, 204);
    assert_eq!(check_login(&tv).await, 403);
    assert_eq!(bridge.provider.calls_to("/api/v2/REF/logout/").await.last().expect("one")["status"], 200);
}
