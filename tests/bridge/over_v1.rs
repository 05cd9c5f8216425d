//! The v1 flow of requestors with the backend `v1`: calls are forwarded unchanged, except for the token.

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_STANDARD};
use passbridge::{
    admin::StatementCommand,
    config::{BackendKind, ClientRegistrationMode, Config, LegacyKey, Secret},
};
use serde_json::{Value, json};

use crate::support::{
    Bridge, bearer,
    http::{Answer, Call, call},
    provider::Provider,
    request::REQUESTOR,
    rest::{Device, access_token, statement_command},
    test_server::START,
};

const CHECK: &str = "/api/v1/checkauthn?requestor=REF&deviceId=device&format=json";

/// The call that the provider received.
fn echo(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str::<Value>(&answer.body).expect("JSON")["echo"].clone()
}

fn authorization(answer: &Answer) -> Option<String> {
    echo(answer)["headers"]["authorization"].as_str().map(str::to_owned)
}

fn relaying(config: &mut Config) {
    config.environments.get_mut("default").expect("present").registration =
        Some(ClientRegistrationMode::Relay);
}

/// A call without headers.
fn bare(bridge: &Bridge, method: &str, path: &str) -> Call {
    call(bridge.rest(), method, path).header("x-forwarded-for", "203.0.113.77")
}

/// Signs as a client in the field does: for a call other than the one it makes.
fn signed(requestor: &str) -> String {
    let text = format!(
        "POST requestor_id={requestor}, nonce=n, signature_method=HMAC-SHA1, request_time={START}, request_uri=/regcode"
    );
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"secret");
    let signature = BASE64_STANDARD.encode(hmac::sign(&key, text.as_bytes()));
    format!("{text}, public_key=key, signature={signature}")
}

#[tokio::test]
async fn a_call_is_forwarded_unchanged_with_the_providers_token() {
    let bridge = Bridge::configured(BackendKind::V1, relaying).await;
    let device = bearer(&bridge).await;
    let answer = bare(&bridge, "POST", "/api/v1//authorize?requestor=REF&resource=a%2Fb+c")
        .header("authorization", format!("Bearer {device}"))
        .header("x-mine", "kept")
        .form("deviceId=device")
        .send()
        .await;
    let echo = echo(&answer);
    assert_eq!(
        (&echo["method"], &echo["path"], &echo["query"], &echo["body_length"]),
        (&json!("POST"), &json!("/api/v1//authorize"), &json!("requestor=REF&resource=a%2Fb+c"), &json!(15))
    );
    let headers = &echo["headers"];
    assert_eq!(headers["authorization"], json!(format!("Bearer {device}")));
    assert_eq!((&headers["x-mine"], &headers["x-forwarded-for"]), (&json!("kept"), &json!("203.0.113.77")));
    assert_eq!(bridge.provider.issued().await, (1, 1), "our own credentials were not needed");
}

#[tokio::test]
async fn our_tokens_and_signatures_are_replaced_by_our_upstream_token() {
    let bridge = Bridge::configured(BackendKind::V1, |config| {
        config.rest.legacy_keys = vec![LegacyKey {
            public_key: "key".to_owned(),
            secret_key: Secret::from("secret"),
            requestors: vec![REQUESTOR.to_owned()],
            ..LegacyKey::default()
        }];
    })
    .await;
    let device = Device::of(&bridge.server).await;
    let by_token = authorization(&device.call("GET", CHECK).send().await).expect("present");
    assert!(by_token.starts_with("Bearer ") && !by_token.contains(&device.token), "{by_token}");
    for path in [CHECK, "/api/v1/checkauthn?deviceId=device", "/api/v1/identities"] {
        let answer = bare(&bridge, "GET", path).header("authorization", signed(REQUESTOR)).send().await;
        assert_eq!(authorization(&answer).as_ref(), Some(&by_token), "{path}");
    }
    let logout = device.call("DELETE", "/api/v1/logout?requestor=REF&deviceId=device").send().await;
    assert_eq!(authorization(&logout).as_ref(), Some(&by_token));
    assert_eq!(bridge.provider.issued().await, (1, 1));
}

#[tokio::test]
async fn a_browser_call_is_forwarded_without_a_token() {
    let bridge = Bridge::over(BackendKind::V1).await;
    for path in [
        "/api/v1/checkauthn/ABC1234.json?requestor=REF",
        "/api/v1/config/REF.json",
        "/adobe-services/config/REF",
    ] {
        let answer = bare(&bridge, "GET", path).send().await;
        assert_eq!(authorization(&answer), None, "{path}");
        assert_eq!(echo(&answer)["path"], path.split('?').next().expect("a path"));
    }
    // The client gets the provider's response to a call without a token.
    assert_eq!(bare(&bridge, "GET", CHECK).send().await.status, 401);
    assert_eq!(bridge.provider.issued().await, (0, 0));
}

#[tokio::test]
async fn invalid_or_insufficient_credentials_are_not_forwarded() {
    let bridge = Bridge::over(BackendKind::V1).await;
    let device = Device::of(&bridge.server).await;
    let reads = StatementCommand {
        permissions: vec!["codes.read".to_owned(), "entitlements.read".to_owned()],
        ..statement_command()
    };
    let reader = Device { token: access_token(&bridge.server, reads).await, server: &bridge.server };
    bridge.provider.forget_calls().await;
    for wrong in ["Bearer wrong", "Basic YTpi", ""] {
        bare(&bridge, "GET", CHECK).header("authorization", wrong).send().await.error(401);
    }
    bare(&bridge, "GET", CHECK).header("authorization", signed(REQUESTOR)).send().await.error(401);
    for (method, path, permission) in [
        ("GET", "authorize", "entitlements.authorize"),
        ("GET", "tokens/media.json", "entitlements.authorize"),
        ("DELETE", "logout", "entitlements.logout"),
        ("POST", "authenticate/freepreview", "entitlements.login"),
    ] {
        let path = format!("/api/v1/{path}?requestor=REF&format=json");
        let message = reader.call(method, &path).send().await.error(403);
        assert!(message.contains(permission), "{path}: {message}");
    }
    device.call("GET", "/api/v1/checkauthn?requestor=UNKNOWN&format=json").send().await.error(403);
    device.call("GET", "/api/v1/checkauthn?requestor=OTHER&format=json").send().await.error(400);
    let two = "/api/v1/checkauthn?requestor=REF&requestor_id=UNKNOWN&format=json";
    assert!(device.call("GET", two).send().await.error(400).starts_with("requestor: "));
    assert_eq!(bridge.provider.calls_to("/api/v1/").await.len(), 0);
    assert_eq!(reader.call("GET", CHECK).send().await.status, 200);
}

#[tokio::test]
async fn a_refused_upstream_token_is_renewed_without_an_error_for_the_device() {
    let bridge = Bridge::over(BackendKind::V1).await;
    let device = Device::of(&bridge.server).await;
    let first = authorization(&device.call("GET", CHECK).send().await);
    let day = 24 * 3600 * 1000;
    bridge.provider.advance(day).await;
    let second = authorization(&device.call("GET", CHECK).send().await);
    assert_ne!(second, first);

    // A call with a body cannot be sent again; its client must retry.
    bridge.advance(std::time::Duration::from_secs(60)).await;
    bridge.provider.advance(day).await;
    let post = || device.call("POST", "/api/v1/authorize?requestor=REF&format=json").form("a=1");
    post().send().await.error(503);
    assert_eq!(post().send().await.status, 200);
}

#[tokio::test]
async fn the_backend_is_selected_by_requestor() {
    for (environment, requestor) in [(BackendKind::V1, BackendKind::V2), (BackendKind::V2, BackendKind::V1)] {
        let bridge = Bridge::configured(environment, |config| {
            let environment = config.environments.get_mut("default").expect("present");
            environment.requestors.get_mut("UNKNOWN").expect("present").backend = Some(requestor);
        })
        .await;
        for (named, backend) in [("REF", environment), ("UNKNOWN", requestor), ("", environment)] {
            for path in [
                format!("/api/v1/checkauthn/ABC1234.json?requestor={named}"),
                format!("/api/v1/checkauthn/ABC1234.json?requestor_id={named}"),
            ] {
                bridge.provider.forget_calls().await;
                bare(&bridge, "GET", &path).send().await;
                let forwarded = bridge.provider.calls_to("/api/v1/").await.len();
                assert_eq!(forwarded, usize::from(backend == BackendKind::V1), "{environment:?} {path}");
            }
        }
    }
}

#[tokio::test]
async fn over_v2_no_spelling_of_a_v1_path_is_forwarded() {
    let provider = Provider::start();
    let url = provider.url();
    let bridge = Bridge::before(provider, BackendKind::V2, |config| {
        config.environments.get_mut("default").expect("present").passthrough = Some(url);
    })
    .await;
    for path in [CHECK, "/api/v1/identities", "//api//v1//identities", "/%61pi/v1/identities", "/api/v1"] {
        let answer = bare(&bridge, "GET", path).send().await;
        assert!(answer.status.is_client_error(), "{path}: {answer:?}");
    }
    bare(&bridge, "GET", "/elsewhere").send().await;
    let calls = bridge.provider.calls().await;
    let paths: Vec<_> = calls.iter().filter_map(|call| call["path"].as_str()).collect();
    assert_eq!(paths, ["/elsewhere"]);
}

#[tokio::test]
async fn the_local_backend_has_no_v1_flow() {
    let bridge = Bridge::over(BackendKind::Local).await;
    let device = Device::of(&bridge.server).await;
    device.call("GET", CHECK).send().await.error(404);
    let xml = bare(&bridge, "DELETE", "/api/v1/logout.xml").send().await;
    assert!(xml.xml(404).contains("<error><status>404</status>"), "{xml:?}");
    bare(&bridge, "GET", "/adobe-services/config/REF?format=json").send().await.error(404);
}

#[tokio::test]
async fn with_several_backends_the_requestor_is_found_outside_the_query() {
    let bridge = Bridge::configured(BackendKind::V1, |config| {
        let environment = config.environments.get_mut("default").expect("present");
        environment.requestors.get_mut("UNKNOWN").expect("present").backend = Some(BackendKind::V2);
    })
    .await;
    let of = async |requestor: &str| {
        let command = StatementCommand { requestors: vec![requestor.to_owned()], ..statement_command() };
        Device { token: access_token(&bridge.server, command).await, server: &bridge.server }
    };
    let both = StatementCommand {
        requestors: vec![REQUESTOR.to_owned(), "UNKNOWN".to_owned()],
        ..statement_command()
    };
    let both = Device { token: access_token(&bridge.server, both).await, server: &bridge.server };
    let (over_v1, over_v2) = (of(REQUESTOR).await, of("UNKNOWN").await);
    let forwarded = async |call: Call| {
        bridge.provider.forget_calls().await;
        call.send().await;
        bridge.provider.calls_to("/api/v1/").await.len()
    };
    let preview = "/api/v1/authenticate/freepreview.json";
    let form = |requestor: &str| format!("requestor_id={requestor}&deviceId=device&mso_id=TempPass");
    assert_eq!(forwarded(both.call("POST", preview).form(form(REQUESTOR))).await, 1);
    assert_eq!(forwarded(both.call("POST", preview).form(form("UNKNOWN"))).await, 0);
    let check = "/api/v1/checkauthn.json?deviceId=device";
    assert_eq!(forwarded(over_v1.call("GET", check)).await, 1);
    assert_eq!(forwarded(over_v2.call("GET", check)).await, 0);
    assert_eq!(forwarded(both.call("GET", check)).await, 1, "the environment's backend");
}
