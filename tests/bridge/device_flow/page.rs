//! What a programmer's page may call without a token, and which data it does not get.

use std::time::Duration;

use passbridge::config::{BackendKind, SecondScreen};
use serde_json::json;

use super::{
    DEVICE_ID, MVPD, ORIGIN, VIEWER_IP, answer,
    client::Client,
    code, configure, field, logged_in,
    second_screen::{browser, xhr},
    tv,
};
use crate::support::{Bridge, http::call};

async fn configured(second_screen: SecondScreen) -> Bridge {
    Bridge::configured(BackendKind::V2, |config| {
        configure(config);
        config.environments.get_mut("default").expect("present").second_screen = Some(second_screen);
    })
    .await
}

/// The calls of pages.
fn calls(code: &str) -> [String; 5] {
    [
        "/api/v1/config/REF?format=json".to_owned(),
        format!("/reggie/v1/REF/regcode/{code}.json"),
        format!("/api/v1/checkauthn/{code}?requestor=REF&format=json"),
        format!("/api/v1/preauthorize/{code}?requestor=REF&resource=news&format=json"),
        format!(
            "/api/v1/authenticate?requestor_id=REF&mso_id=Dish&reg_code={code}&domain_name=adobe.com&format=json\
             &redirect_url=https%3A%2F%2Factivate.example.com%2Fdone"
        ),
    ]
}

#[tokio::test]
async fn a_page_passes_preflight_and_reads_responses_and_errors() {
    let bridge = field().await;
    let (_, code) = logged_in(&bridge).await;
    for path in calls(&code) {
        let preflight = call(bridge.rest(), "OPTIONS", &path)
            .header("origin", ORIGIN)
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization,x-device-info,ap-device-identifier")
            .send()
            .await;
        assert!(preflight.status.is_success(), "{preflight:?}");
        assert_eq!(preflight.header("access-control-allow-origin"), ORIGIN);
        assert_eq!(preflight.header("access-control-allow-credentials"), "true");
        let allowed = preflight.header("access-control-allow-headers").to_lowercase();
        for name in ["authorization", "content-type", "x-device-info", "ap-device-identifier", "pass_sfp"] {
            assert!(allowed.contains(name), "{name}: {allowed}");
        }
        let answered = xhr(&bridge).get(&path).await;
        assert_eq!(answered.header("access-control-allow-origin"), ORIGIN, "{path}");
        let other = browser(&bridge).with("origin", "https://evil.example").get(&path).await;
        assert!(other.headers.get("access-control-allow-origin").is_none(), "{path}: {other:?}");
    }
    let error = xhr(&bridge).get("/api/v1/checkauthn/ZZZZZZZ.json?requestor=REF").await;
    assert_eq!((error.status.as_u16(), error.header("access-control-allow-origin")), (403, ORIGIN));
}

#[tokio::test]
async fn a_page_gets_no_data_about_the_viewer() {
    let bridge = field().await;
    let (tv, code) = logged_in(&bridge).await;
    let path = format!("/api/v1/tokens/authn.json?requestor=REF&deviceId={DEVICE_ID}");
    let login = answer::json(&tv.get(&path).await, 200);
    let checked = xhr(&bridge).get(&format!("/api/v1/checkauthn/{code}.json?requestor=REF")).await;
    assert_eq!(answer::json(&checked, 200), json!({ "status": 200, "message": "OK" }));
    let listed =
        xhr(&bridge).get(&format!("/api/v1/preauthorize/{code}.json?requestor=REF&resource=news")).await;
    for answered in [checked, listed] {
        let text = format!("{answered:?}");
        for secret in [answer::text(&login, "userId"), MVPD.to_owned(), DEVICE_ID.to_owned()] {
            assert!(!text.contains(&secret), "{text}");
        }
    }
    // The record has the device, as documented, and nothing about the login.
    let read = xhr(&bridge).get(&format!("/reggie/v1/REF/regcode/{code}.json")).await;
    assert_eq!(read.status, 404, "the code is already used: {read:?}");
}

#[tokio::test]
async fn a_page_needs_a_token_if_configured() {
    let bridge = configured(SecondScreen::Token).await;
    let tv = tv(&bridge).await;
    let code = code(&tv).await;
    for path in calls(&code) {
        answer::message(&browser(&bridge).get(&path).await, 401);
    }
    // With a token, none of the calls is refused. Other tests check the responses.
    for path in calls(&code) {
        let answered = tv.get(&path).await;
        assert_ne!(answered.status, 401, "{path}: {answered:?}");
    }
}

#[tokio::test]
async fn wrong_codes_are_counted_by_viewer() {
    let bridge = Bridge::configured(BackendKind::V2, |config| {
        configure(config);
        config.codes.misses_per_viewer = 3;
    })
    .await;
    let (_, code) = logged_in(&bridge).await;
    let page = |address| Client::at(&bridge, address);
    // Time must not pass, because the budget would refill.
    let ask = async |address, path: &str| page(address).call("GET", path).send().await;
    for path in [
        "/reggie/v1/REF/regcode/ZZZZZZ1.json",
        "/api/v1/checkauthn/ZZZZZZ2.json?requestor=REF",
        "/api/v1/preauthorize/ZZZZZZ3.json?requestor=REF&resource=a",
    ] {
        let refused = ask(VIEWER_IP, path).await;
        assert!(refused.status.is_client_error() && refused.status != 429, "{refused:?}");
    }
    let known = format!("/api/v1/checkauthn/{code}.json?requestor=REF");
    let refused = ask(VIEWER_IP, &known).await;
    assert_eq!((refused.status.as_u16(), refused.header("content-type")), (429, "text/html"), "{refused:?}");
    assert!(refused.header("retry-after").parse::<u32>().is_ok());
    answer::json(&ask("198.51.100.21", &known).await, 200);
    bridge.advance(Duration::from_secs(60)).await;
    answer::json(&ask(VIEWER_IP, &known).await, 200);
}

#[tokio::test]
async fn a_page_without_a_token_cannot_call_what_a_device_can() {
    let bridge = field().await;
    let (_, code) = logged_in(&bridge).await;
    let page = xhr(&bridge);
    for (method, path) in [
        ("GET", format!("/api/v1/authenticate/{code}.json?requestor=REF")),
        ("GET", format!("/api/v1/tokens/authn.json?requestor=REF&deviceId={DEVICE_ID}")),
        ("DELETE", format!("/api/v1/logout.json?requestor=REF&deviceId={DEVICE_ID}")),
        ("DELETE", format!("/reggie/v1/REF/regcode/{code}.json")),
        ("POST", format!("/reggie/v1/REF/regcode.json?deviceId={DEVICE_ID}")),
        (
            "POST",
            format!(
                "/api/v1/authenticate/freepreview.json?requestor_id=REF&deviceId={DEVICE_ID}&mso_id=TempPass"
            ),
        ),
    ] {
        answer::message(&page.send(page.call(method, &path)).await, 401);
    }
}
