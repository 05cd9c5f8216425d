//! Signed requests, the method before dynamic client registration.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_STANDARD};
use passbridge::config::{Config, LegacyKey, Secret};

use crate::support::{
    http::{Answer, Call, call},
    test_server::{START, TestServer},
};

const PUBLIC: &str = "public-key";
const SECRET: &str = "secret-key";

fn server() -> TestServer {
    TestServer::configured(configure)
}

fn configure(config: &mut Config) {
    config.rest.legacy_keys = vec![LegacyKey {
        public_key: PUBLIC.to_owned(),
        secret_key: Secret::from(SECRET),
        requestors: vec!["REF".to_owned(), "REF2".to_owned()],
        ..LegacyKey::default()
    }];
}

/// The same server behind a trusted proxy.
fn behind_a_proxy() -> TestServer {
    TestServer::configured(|config| {
        configure(config);
        config.rest.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    })
}

/// Signs as a client in the field does: with a `request_uri` other than the called one.
fn signed(method: &str, requestor: &str, nonce: &str, time: u64, secret: &str) -> String {
    let text = format!(
        "{method} requestor_id={requestor}, nonce={nonce}, signature_method=HMAC-SHA1, request_time={time}, \
         request_uri=/regcode"
    );
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    let signature = BASE64_STANDARD.encode(hmac::sign(&key, text.as_bytes()));
    format!("{text}, public_key={PUBLIC}, signature={signature}")
}

fn create(server: &TestServer, authorization: String) -> Call {
    call(server.rest_address(), "POST", "/reggie/v1/REF/regcode")
        .header("authorization", authorization)
        .header("user-agent", "Roku/DVP-12.0 (12.0.0.4182-88)")
        .form("deviceId=device&format=json&ttl=600&mvpd=m&registrationURL=http%3A%2F%2Fexample.com")
}

async fn refused(server: &TestServer, authorization: String) -> String {
    let answer: Answer = create(server, authorization).send().await;
    assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer:?}");
    answer.error(401)
}

#[tokio::test]
async fn signed_create_read_and_delete_work_without_device_information() {
    let server = server();
    let record = create(&server, signed("POST", "REF", "1", START, SECRET)).send().await.json(201);
    assert_eq!(record["info"]["registrationURL"], "http://example.com");
    assert_eq!(record["info"].get("authorizationType"), None);
    assert_eq!(record["info"].get("sourceApplicationInformation"), None);
    let normalized =
        BASE64_STANDARD.decode(record["info"]["deviceInfo"].as_str().expect("text")).expect("base64");
    let normalized = String::from_utf8(normalized).expect("UTF-8");
    assert!(normalized.contains("Roku"), "the User-Agent is parsed: {normalized}");

    let path = format!("/reggie/v1/REF/regcode/{}.json", record["code"].as_str().expect("a code"));
    let on = |method, nonce| {
        call(server.rest_address(), method, &path)
            .header("authorization", signed(method, "REF", nonce, START, SECRET))
    };
    assert_eq!(on("GET", "2").send().await.json(200), record);
    assert_eq!(on("DELETE", "3").send().await.status, 204);
}

#[tokio::test]
async fn a_signature_for_one_call_is_accepted_for_others() {
    let server = server();
    let authorization = signed("POST", "REF", "1", START, SECRET);
    let record = create(&server, authorization.clone()).send().await.json(201);
    let path = format!("/reggie/v1/REF/regcode/{}.json", record["code"].as_str().expect("a code"));
    let on = |method| call(server.rest_address(), method, &path).header("authorization", &authorization);
    assert_eq!(on("GET").send().await.json(200), record);
    assert_eq!(on("DELETE").send().await.status, 204);
    create(&server, signed("GET", "REF", "2", START, SECRET)).send().await.json(201);
}

#[tokio::test]
async fn a_time_in_seconds_is_distinguished_from_clock_skew() {
    let server = server();
    let seconds = refused(&server, signed("POST", "REF", "1", START / 1000, SECRET)).await;
    assert!(seconds.contains("in seconds") && seconds.contains("milliseconds"), "{seconds}");
    let off = refused(&server, signed("POST", "REF", "1", START - 600_001, SECRET)).await;
    assert!(off.contains("10 minutes"), "{off}");
    create(&server, signed("POST", "REF", "1", START - 600_000, SECRET)).send().await.json(201);
}

#[tokio::test]
async fn a_signature_can_be_reused_only_by_the_same_device() {
    let server = behind_a_proxy();
    let authorization = signed("POST", "REF", "once", START + 600_000, SECRET);
    let from = |address| create(&server, authorization.clone()).header("x-forwarded-for", address);
    for address in ["203.0.113.7", "::ffff:203.0.113.7", "203.0.113.7:1234"] {
        for _ in 0..2 {
            from(address).send().await.json(201);
        }
    }
    for passed in [0, 1200] {
        server.clock.advance(Duration::from_secs(passed));
        assert!(from("203.0.113.8").send().await.error(401).contains("nonce"));
        from("203.0.113.7").send().await.json(201);
    }
    server.clock.advance(Duration::from_secs(2));
    assert!(from("203.0.113.7").send().await.error(401).contains("10 minutes"));
}

#[tokio::test]
async fn a_signed_request_may_do_what_a_device_may_and_reset_nothing() {
    let server = server();
    let path = "/reset-tempass/v3/reset?requestor_id=REF&mvpd_id=TempPass&device_id=a&format=json";
    let reset = call(server.rest_address(), "DELETE", path);
    let reset = reset.header("authorization", signed("DELETE", "REF", "1", START, SECRET));
    assert!(reset.send().await.error(403).contains("temp_passes.reset"));
}

#[tokio::test]
async fn a_signed_request_refused_for_another_reason_can_be_corrected_and_resent() {
    let server = server();
    let authorization = signed("POST", "REF", "once", START, SECRET);
    let wrong = call(server.rest_address(), "POST", "/reggie/v1/REF/regcode.json?deviceId=device&ttl=0");
    wrong.header("authorization", &authorization).send().await.error(400);
    create(&server, authorization).send().await.json(201);
}

#[tokio::test]
async fn foreign_signatures_unknown_keys_and_changed_texts_are_refused() {
    let server = server();
    let right = signed("POST", "REF", "1", START, SECRET);
    for wrong in [
        signed("POST", "REF", "1", START, "another secret"),
        right.replace("public-key", "unknown"),
        right.replace("nonce=1", "nonce=2"),
        right.replace("requestor_id=REF", "requestor_id=REF2"),
    ] {
        assert!(refused(&server, wrong.clone()).await.contains("signature"), "{wrong}");
    }
    for unreadable in ["POST", "public_key=", "Basic abc", right.split(", signature").next().expect("text")] {
        refused(&server, unreadable.to_owned()).await;
    }
    create(&server, right).send().await.json(201);
}

#[tokio::test]
async fn a_key_pair_is_valid_only_for_its_requestors() {
    let server = server();
    for requestor in ["REF2", "OTHER"] {
        let answer = create(&server, signed("POST", requestor, requestor, START, SECRET)).send().await;
        answer.error(403);
    }
}

#[tokio::test]
async fn without_a_configured_key_signatures_are_refused() {
    let server = TestServer::start();
    refused(&server, signed("POST", "REF", "1", START, SECRET)).await;
}
