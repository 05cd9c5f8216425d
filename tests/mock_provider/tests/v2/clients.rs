//! Profiles belong to the client that created them.

use serde_json::json;

use crate::support::{Provider, http, of_device, ok, refused};

#[tokio::test]
async fn a_client_does_not_see_profiles_of_another_client() {
    let mut provider = Provider::start().await;
    provider.control("POST", "settings", json!({ "clients_per_statement": "many" })).await;
    let code = provider.code("tv", "Cablevision").await;
    provider.control("POST", "login", json!({ "service_provider": "REF", "code": code })).await;
    let first = provider.token.clone();
    provider.token = provider.register("a.statement").await;
    assert_eq!(provider.profiles("tv", "").await, json!({}), "not even to the same application");
    assert_eq!(provider.profiles("tv", "/Cablevision").await, json!({}));
    let decisions = provider.decide("tv", "authorize", "Cablevision", &["news"]).await;
    assert_eq!(decisions[0]["error"]["code"], "authenticated_profile_missing");
    let by_code = provider.profiles("tv", &format!("/code/{code}")).await;
    assert!(by_code["Cablevision"].is_object(), "a second screen has its own credentials");

    provider.token = first;
    assert!(provider.profiles("tv", "").await["Cablevision"].is_object(), "these logins stay valid");
    let calls = provider.control("GET", "calls", json!(null)).await;
    let mut clients: Vec<_> =
        calls.as_array().expect("a list").iter().filter_map(|call| call["client"].as_str()).collect();
    clients.dedup();
    assert_eq!(clients.len(), 3, "each call has its client: {clients:?}");
    assert_eq!(clients[0], clients[2]);
}

#[tokio::test]
async fn registering_a_statement_again_ends_its_former_client() {
    let mut provider = Provider::start().await;
    let former = std::mem::take(&mut provider.token);
    provider.token = provider.register("a.statement").await;
    ok(&provider.of("tv", "GET", "/api/v2/REF/profiles").send().await);
    provider.token = former;
    let answer = provider.of("tv", "GET", "/api/v2/REF/profiles").send().await;
    assert_eq!(refused(&answer, 401), "invalid_access_token_client_application");
}

#[tokio::test]
async fn a_call_requires_a_token_for_its_service_provider_and_a_device() {
    let provider = Provider::start().await;
    let path = "/api/v2/REF/profiles";
    let without = of_device(http::call(provider.address, "GET", path), "tv").send().await;
    assert_eq!(refused(&without, 401), "invalid_access_token_client_application");
    let nameless = provider.call("GET", path).header("x-device-info", "e30=").send().await;
    assert_eq!(refused(&nameless, 400), "invalid_header_device_identifier");
    let bare = provider.call("GET", path).header("ap-device-identifier", crate::support::fingerprint("tv"));
    assert_eq!(refused(&bare.send().await, 400), "invalid_header_device_info");
    let unknown = provider.of("tv", "GET", "/api/v2/UNKNOWN/profiles").send().await;
    assert_eq!(refused(&unknown, 400), "invalid_parameter_service_provider");
    provider.control("POST", "settings", json!({ "service_providers": ["REF"] })).await;
    let foreign = provider.of("tv", "GET", "/api/v2/OTHER/profiles").send().await;
    assert_eq!(refused(&foreign, 401), "invalid_access_token_service_provider");
    ok(&provider.of("tv", "GET", path).send().await);
    let wrong = provider.of("tv", "DELETE", path).send().await;
    assert_eq!(refused(&wrong, 405), "internal_error");
}
