//! Enhanced errors, which have codes, for a requestor that enables them.

use passbridge::config::BackendKind;
use serde_json::{Value, json};

use super::configure;
use crate::support::{
    Bridge,
    http::{Answer, Call},
    rest::Device,
};

fn with_device_info(call: Call) -> Call {
    call.header("user-agent", "Roku/DVP-12.0 (062.00E04156A)")
}

fn error(answer: &Answer, status: u16) -> Value {
    let error: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!((answer.status.as_u16(), &error["status"]), (status, &json!(status)), "{answer:?}");
    assert_eq!(error["trace"], json!(answer.header("adobe-request-id")), "{answer:?}");
    assert!(error["helpUrl"].as_str().is_some_and(|url| url.starts_with("https://")), "{answer:?}");
    error
}

#[tokio::test]
async fn an_enhanced_error_has_a_code_an_action_and_a_trace_id() {
    let bridge = Bridge::configured(BackendKind::V2, |config| {
        configure(config);
        let environment = config.environments.get_mut("default").expect("present");
        environment.requestors.get_mut("REF").expect("present").enhanced_errors = true;
    })
    .await;
    let device = Device::of(&bridge.server).await;
    for (path, status, code, action) in [
        ("checkauthn.json?requestor=REF&deviceId=d", 403, "authentication_session_missing", "authentication"),
        (
            "tokens/authn.json?requestor=REF&deviceId=d",
            404,
            "authentication_session_missing",
            "authentication",
        ),
        (
            "preauthorize.json?requestor=REF&deviceId=d&resource=a,b",
            412,
            "preauthorization_authentication_session_missing",
            "authentication",
        ),
        ("checkauthn.json?requestor=REF", 400, "invalid_device_id", "none"),
        ("authorize.json?requestor=REF&deviceId=d", 400, "missing_resource", "none"),
    ] {
        let answer = with_device_info(device.call("GET", &format!("/api/v1/{path}"))).send().await;
        let error = error(&answer, status);
        assert_eq!((&error["code"], &error["action"]), (&json!(code), &json!(action)), "{path}");
    }
    let many = vec!["a"; 51].join(",");
    let path = format!("/api/v1/preauthorize.json?requestor=REF&deviceId=d&resource={many}");
    let error = error(&with_device_info(device.call("GET", &path)).send().await, 403);
    assert_eq!((&error["code"], &error["action"]), (&json!("too_many_resources"), &json!("configuration")));
}

#[tokio::test]
async fn calls_with_other_accept_headers_still_get_a_response() {
    let bridge = Bridge::configured(BackendKind::V2, configure).await;
    let device = Device::of(&bridge.server).await;
    let path = "/api/v1/checkauthn?requestor=REF&deviceId=d";
    let answer =
        with_device_info(device.call("GET", path)).header("accept", "text/html, video/mp4").send().await;
    assert!(answer.xml(403).contains("<error><status>403</status>"), "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let list = device.call("GET", "/api/v1/config/REF.xml").send().await;
    assert_eq!((list.header("cache-control"), list.header("vary")), ("max-age=120", "accept"), "{list:?}");
}
