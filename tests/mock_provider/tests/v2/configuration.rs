//! The operators of a service provider.

use serde_json::{Value, json};

use crate::support::{Provider, encoded, ok, refused};

async fn read(provider: &Provider, service_provider: &str) -> Value {
    ok(&provider.call("GET", &format!("/api/v2/{service_provider}/configuration")).send().await)
}

fn mvpd<'a>(configuration: &'a Value, id: &str) -> &'a Value {
    let mvpds = configuration["requestor"]["mvpds"].as_array().expect("a list");
    mvpds.iter().find(|mvpd| mvpd["id"] == id).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn operators_of_each_kind_are_listed() {
    let provider = Provider::start().await;
    let configuration = read(&provider, "REF").await;
    assert_eq!(configuration["requestor"]["id"], "REF");
    assert_eq!(
        configuration["requestor"]["domains"][0],
        json!({ "name": "adobe.com", "mvpdInitiated": false })
    );
    assert_eq!(mvpd(&configuration, "Cablevision")["displayName"], "Optimum");
    assert!(mvpd(&configuration, "Cablevision")["logoUrl"].is_string());
    assert_eq!(mvpd(&configuration, "Proxied_Cable")["isProxy"], true);
    for temp_pass in ["TempPass", "TempPass_10min", "TempPassREF"] {
        assert_eq!(mvpd(&configuration, temp_pass)["isTempPass"], true, "{temp_pass}");
    }
    assert!(!configuration.to_string().contains("behavior"), "the behavior is shown only by the control API");
}

#[tokio::test]
async fn single_sign_on_members_are_shown_only_on_its_platform() {
    let provider = Provider::start().await;
    assert_eq!(mvpd(&read(&provider, "REF").await, "Cablevision")["boardingStatus"], Value::Null);
    let info = encoded(&json!({ "model": "AppleTV", "osName": "tvOS" }));
    let call = provider.call("GET", "/api/v2/REF/configuration").header("x-device-info", info);
    let configuration = ok(&call.send().await);
    assert_eq!(configuration["os"], "tvOS");
    let (known, picked) = (mvpd(&configuration, "Cablevision"), mvpd(&configuration, "Comcast_SSO"));
    assert_eq!(
        (&known["boardingStatus"], &known["enablePlatformServices"]),
        (&json!("SUPPORTED"), &json!(true))
    );
    assert_eq!(
        (&picked["boardingStatus"], &picked["platformMappingId"]),
        (&json!("PICKER"), &json!("Comcast"))
    );
}

#[tokio::test]
async fn tests_add_change_and_remove_operators() {
    let provider = Provider::start().await;
    let behavior = json!({ "service_providers": ["OTHER"] });
    provider
        .control("POST", "mvpds", json!({ "id": "New", "displayName": "The new one", "behavior": behavior }))
        .await;
    provider.control("POST", "mvpds", json!({ "id": "Dish", "displayName": "Dish & more" })).await;
    provider.control("DELETE", "mvpds", json!({ "id": "Spectrum" })).await;
    let (here, there) = (read(&provider, "REF").await, read(&provider, "OTHER").await);
    assert_eq!(mvpd(&here, "New"), &Value::Null, "not integrated with this service provider");
    assert_eq!(mvpd(&there, "New")["displayName"], "The new one");
    assert_eq!(mvpd(&here, "Dish")["displayName"], "Dish & more");
    assert_eq!(mvpd(&here, "Spectrum"), &Value::Null);

    // Calls about these operators have matching results.
    for (id, code) in [("New", "invalid_integration"), ("Spectrum", "invalid_parameter_mvpd")] {
        let answer = provider.of("tv", "GET", &format!("/api/v2/REF/profiles/{id}")).send().await;
        assert_eq!(refused(&answer, 400), code, "{id}");
    }
}
