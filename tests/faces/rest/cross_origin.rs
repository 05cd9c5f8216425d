//! Calls of web pages from a browser (CORS).

use crate::support::{http::call, rest::Device, test_server::TestServer};

const ORIGIN: &str = "https://tv.example.com";

fn server() -> TestServer {
    TestServer::configured(|config| config.rest.cors_origins = vec![ORIGIN.to_owned()])
}

#[tokio::test]
async fn preflight_of_a_configured_origin_needs_no_token() {
    let server = server();
    let preflight = call(server.rest_address(), "OPTIONS", "/reggie/v1/REF/regcode/ABC")
        .header("origin", ORIGIN)
        .header("access-control-request-method", "DELETE")
        .header("access-control-request-headers", "authorization,x-device-info")
        .send()
        .await;
    assert_eq!(preflight.status, 200, "{preflight:?}");
    assert_eq!(preflight.header("access-control-allow-origin"), ORIGIN);
    assert_eq!(preflight.header("access-control-allow-credentials"), "true");
    assert_eq!(preflight.header("access-control-allow-methods"), "POST,GET,OPTIONS,DELETE");
    let allowed: Vec<&str> = preflight.header("access-control-allow-headers").split(',').collect();
    for name in [
        "ap_11",
        "ap_42",
        "ap_z",
        "ap_19",
        "ap_21",
        "ap_23",
        "authorization",
        "content-type",
        "pass_sfp",
        "ap-session-identifier",
        "ap-device-identifier",
        "ap-sdk-identifier",
        "x-device-info",
        "accept",
    ] {
        assert!(allowed.contains(&name), "{name}: {allowed:?}");
    }
}

#[tokio::test]
async fn every_path_answers_preflight() {
    let server = server();
    for path in ["/reggie/v1/REF/regcode", "/api/v1/checkauthn/ABC.json", "/o/client/token", "/nowhere"] {
        let preflight = call(server.rest_address(), "OPTIONS", path).header("origin", ORIGIN);
        let preflight = preflight.header("access-control-request-method", "GET").send().await;
        assert_eq!(
            (preflight.status.as_u16(), preflight.header("access-control-allow-origin")),
            (200, ORIGIN),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_wildcard_origin_may_call_without_credentials() {
    let server = TestServer::configured(|config| {
        config.rest.cors_origins = vec!["*".to_owned(), ORIGIN.to_owned()];
    });
    for method in ["OPTIONS", "GET"] {
        let answer = call(server.rest_address(), method, "/nowhere").header("origin", ORIGIN).send().await;
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{answer:?}");
        assert!(!answer.headers.contains_key("access-control-allow-credentials"), "{answer:?}");
    }
}

#[tokio::test]
async fn only_a_configured_origin_can_read_responses_and_errors() {
    let server = server();
    let device = Device::of(&server).await;
    let code = device.created().await;
    let read = |origin| device.read(&code).header("origin", origin);
    let answer = read(ORIGIN).send().await;
    assert_eq!(answer.header("access-control-allow-origin"), ORIGIN);
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    let exposed: Vec<&str> = answer.header("access-control-expose-headers").split(',').collect();
    for name in
        ["pass_sfp", "authzf-error-code", "authzf-sub-error-code", "authzf-error-details", "retry-after"]
    {
        assert!(exposed.contains(&name), "{name}: {exposed:?}");
    }
    let error = device.read("BCDFGHJ").header("origin", ORIGIN).send().await;
    assert_eq!((error.status.as_u16(), error.header("access-control-allow-origin")), (404, ORIGIN));
    let other = read("https://other.example.com").send().await;
    assert_eq!(other.status, 200);
    assert!(!other.headers.contains_key("access-control-allow-origin"), "{other:?}");
    assert!(!other.headers.contains_key("access-control-allow-credentials"), "{other:?}");
}

#[tokio::test]
async fn a_rate_limited_page_can_read_the_error_and_preflight_is_limited_too() {
    let server = TestServer::configured(|config| {
        config.rest.cors_origins = vec![ORIGIN.to_owned()];
        config.rest.address_limit = passbridge::config::AddressLimit { per_second: 1, burst: 1 };
    });
    let get = || call(server.rest_address(), "GET", "/nowhere").header("origin", ORIGIN).send();
    assert_eq!(get().await.status, 404);
    let throttled = get().await;
    assert_eq!((throttled.status.as_u16(), throttled.header("access-control-allow-origin")), (429, ORIGIN));
    let preflight = call(server.rest_address(), "OPTIONS", "/nowhere").header("origin", ORIGIN).send().await;
    assert_eq!(preflight.status, 429, "{preflight:?}");
}

#[tokio::test]
async fn cross_origin_calls_are_refused_by_default() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    let answer = device.read("BCDFGHJ").header("origin", ORIGIN).send().await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"), "{answer:?}");
}
