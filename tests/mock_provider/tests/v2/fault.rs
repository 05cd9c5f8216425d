//! Errors that tests set.

use serde_json::{Value, json};

use crate::support::{Provider, http, ok, prism, refused};

#[tokio::test]
async fn an_ordered_error_is_returned_as_often_as_ordered() {
    let provider = Provider::start().await;
    let problem = json!({ "code": "invalid_configuration_platform", "details": "no platform" });
    provider
        .control("POST", "faults", json!({ "path": "/api/v2/REF/profiles", "times": 2, "problem": problem }))
        .await;
    for _ in 0..2 {
        let answer = provider.of("tv", "GET", "/api/v2/REF/profiles").send().await;
        assert_eq!(refused(&answer, 500), "invalid_configuration_platform");
        assert!(answer.body.contains("no platform"), "{answer:?}");
    }
    ok(&provider.of("tv", "GET", "/api/v2/REF/profiles").send().await);
}

#[tokio::test]
async fn an_ordered_error_can_have_another_status() {
    let provider = Provider::start().await;
    let problem = json!({ "code": "network_connection_timeout", "status": 500 });
    provider.control("POST", "faults", json!({ "path": "/api/v2/", "problem": problem })).await;
    let answer = provider.call("GET", "/api/v2/REF/configuration").send().await;
    assert_eq!(refused(&answer, 500), "network_connection_timeout");
    assert!(answer.body.contains(r#""status":403"#), "{answer:?}");
}

#[tokio::test]
async fn an_invalid_order_is_refused() {
    let provider = Provider::start().await;
    for (path, control) in [
        ("faults", json!({ "path": "/", "problem": { "code": "no_such_code" } })),
        ("verdicts", json!({ "code": "no_such_code" })),
        ("verdicts", json!({ "resources": "a" })),
        ("settings", json!({ "delay": 1 })),
        ("mvpds", json!({ "displayName": "nameless" })),
        ("mvpds", json!({ "id": "Dish", "isTemppass": true })),
        ("accounts", json!({ "mvpd": "Dish" })),
        ("profiles", json!({ "service_provider": "REF" })),
        ("nothing", json!({})),
    ] {
        let call = http::call(provider.address, "POST", &format!("/mock/{path}"));
        let answer = call.body(control.to_string()).send().await;
        assert!(answer.status.is_client_error(), "{path} {control}: {answer:?}");
    }
}

#[tokio::test]
async fn every_error_code_of_the_openapi_file_can_be_ordered() {
    let Some(folder) = prism::folder() else { return };
    let text = std::fs::read_to_string(folder.join("restApiV2.json")).expect("readable");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let codes = &file["components"]["schemas"]["UserMetadataResponse"]["properties"]["error"]["enum"];
    let codes = codes.as_array().expect("a list");
    assert!(codes.len() > 50, "{codes:?}");
    let provider = Provider::start().await;
    for code in codes {
        let fault = json!({ "path": "/api/v2/", "times": 1, "problem": { "code": code, "status": 400 } });
        provider.control("POST", "faults", fault).await;
        let answer = provider.call("GET", "/api/v2/REF/configuration").send().await;
        assert_eq!(&json!(refused(&answer, 400)), code);
    }
}
