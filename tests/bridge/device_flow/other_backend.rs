//! The paths of the flow for requestors without version 2: over version 1 they are forwarded unchanged, and the local backend
//! has none of them.

use passbridge::config::{BackendKind, ClientRegistrationMode};
use serde_json::Value;

use super::{DEVICE_ID, VIEWER_IP, answer, client::Client, configure, tv};
use crate::support::{
    Bridge,
    http::Answer,
    rest::{access_token, statement_command},
};

async fn over(backend: BackendKind, registration: ClientRegistrationMode) -> Bridge {
    Bridge::configured(backend, |config| {
        configure(config);
        config.environments.get_mut("default").expect("present").registration = Some(registration);
    })
    .await
}

/// The call that the mock provider received.
#[track_caller]
fn echo(answered: &Answer) -> Value {
    assert_eq!(answered.status, 200, "{answered:?}");
    let body: Value = serde_json::from_str(&answered.body).expect("JSON");
    body["echo"].clone()
}

#[tokio::test]
async fn over_v1_a_call_is_forwarded_unchanged_with_a_provider_token() {
    let bridge = over(BackendKind::V1, ClientRegistrationMode::Own).await;
    let tv = tv(&bridge).await;
    let query = format!("requestor=REF&deviceId={DEVICE_ID}&resource=a%2Cb&odd");
    let sent = echo(&tv.get(&format!("/api/v1/authorize.json?{query}")).await);
    assert_eq!((&sent["path"], &sent["query"]), (&"/api/v1/authorize.json".into(), &query.as_str().into()));
    let token = access_token(&bridge.server, statement_command()).await;
    let authorization = sent["headers"]["authorization"].as_str().expect("has one");
    assert!(authorization.starts_with("Bearer ") && !authorization.contains(&token), "{authorization}");
    assert_eq!(sent["headers"]["x-forwarded-for"], "203.0.113.77");
    let form = "requestor_id=REF&mso_id=TempPass";
    let sent = echo(&tv.post("/api/v1/authenticate/freepreview", form).await);
    assert_eq!(sent["method"], "POST");
    assert_eq!(sent["body_length"], form.len());
}

#[tokio::test]
async fn over_v1_a_relayed_token_is_forwarded_and_a_page_has_none() {
    let bridge = over(BackendKind::V1, ClientRegistrationMode::Relay).await;
    let (id, secret) = registered(&bridge).await;
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let device = Client::new(&bridge).with("x-device-info", crate::support::rest::DEVICE_INFO);
    let issued = device.post("/o/client/token", form).await;
    let token = answer::text(&answer::json(&issued, 201), "access_token");
    let tv = device.with("authorization", format!("Bearer {token}"));
    let path = format!("/api/v1/checkauthn?requestor=REF&deviceId={DEVICE_ID}");
    let sent = echo(&tv.get(&path).await);
    assert_eq!(sent["headers"]["authorization"], format!("Bearer {token}"));
    // The mock provider echoes only calls with a token.
    Client::at(&bridge, VIEWER_IP).get("/api/v1/checkauthn/ABCDEFG?requestor=REF").await;
    let calls = bridge.provider.calls_to("/api/v1/checkauthn/ABCDEFG").await;
    assert_eq!(calls.len(), 1);
    assert!(calls[0]["headers"].get("authorization").is_none(), "{calls:?}");
}

async fn registered(bridge: &Bridge) -> (String, String) {
    let device = Client::new(bridge).with("x-device-info", crate::support::rest::DEVICE_INFO);
    let body = serde_json::json!({ "software_statement": "the devices'", "redirect_uri": "app://done" });
    let call = device.call("POST", "/o/client/register").header("content-type", "application/json");
    let registered = answer::json(&device.send(call.body(body.to_string())).await, 201);
    (answer::text(&registered, "client_id"), answer::text(&registered, "client_secret"))
}

#[tokio::test]
async fn each_requestor_uses_its_own_backend_version() {
    let bridge = Bridge::configured(BackendKind::V2, |config| {
        configure(config);
        let environment = config.environments.get_mut("default").expect("present");
        environment.requestors.insert(
            "OLD".to_owned(),
            passbridge::config::RequestorConfig { backend: Some(BackendKind::V1), ..Default::default() },
        );
    })
    .await;
    let mut command = statement_command();
    command.requestors.push("OLD".to_owned());
    let token = access_token(&bridge.server, command).await;
    let tv = Client::new(&bridge).with("authorization", format!("Bearer {token}"));
    let path = |requestor: &str| {
        format!("/api/v1/checkauthn?requestor={requestor}&deviceId={DEVICE_ID}&format=json")
    };
    echo(&tv.get(&path("OLD")).await);
    answer::message(&tv.get(&path("REF")).await, 403);
    assert_eq!(bridge.provider.calls_to("/api/v1/").await.len(), 1);
}

#[tokio::test]
async fn the_local_backend_has_no_logins() {
    let bridge = over(BackendKind::Local, ClientRegistrationMode::Own).await;
    let tv = tv(&bridge).await;
    for path in ["checkauthn", "tokens/authn", "authorize", "config/REF", "identities"] {
        let path = format!("/api/v1/{path}?requestor=REF&deviceId={DEVICE_ID}&resource=a");
        answer::message(&tv.get(&format!("{path}&format=json")).await, 404);
        let xml = tv.get(&format!("{path}&format=xml")).await;
        assert_eq!(xml.status, 404, "{xml:?}");
    }
}
