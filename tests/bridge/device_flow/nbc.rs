//! The apps of NBC: every call is signed as a POST of the path for codes, the app itself gets the login URL and opens it, and
//! three calls about a resource follow in quick succession.

use std::time::Duration;

use passbridge::config::BackendKind;
use serde_json::json;

use super::{DEVICE_ID, MVPD, answer, client::Client, configure, control, field, signature::signed};
use crate::{
    browser,
    support::{Bridge, request::REQUESTOR, test_server::START},
};

/// A page of the app, whose opening it detects.
const DONE: &str = "https://www.nbcsports.example/activated";

fn app(bridge: &Bridge) -> Client<'_> {
    app_at(bridge, START)
}

/// The app with a signature of this time.
fn app_at(bridge: &Bridge, time: u64) -> Client<'_> {
    let authorization = signed("POST", "/reggie/v1/REF/regcode", &time.to_string(), time);
    Client::new(bridge).with("accept", "application/json").with("authorization", authorization)
}

/// A server whose requestor has none of the provider's domains.
async fn without_domain_of_the_provider() -> Bridge {
    let bridge = Bridge::configured(BackendKind::V2, |config| {
        configure(config);
        let environment = config.environments.get_mut("default").expect("present");
        let requestor = environment.requestors.get_mut(REQUESTOR).expect("present");
        requestor.domain_name = Some("example.com".to_owned());
    })
    .await;
    control(&bridge, "settings", json!({ "domains": ["example.com"] })).await;
    bridge
}

async fn code(app: &Client<'_>) -> String {
    let form = format!("deviceId={DEVICE_ID}&format=json&deviceType=Android&registrationURL=http://x");
    let created = app.post("/reggie/v1/REF/regcode", form).await;
    answer::text(&answer::json(&created, 201), "code")
}

/// The login URL that the app gets for the viewer's browser.
async fn login_url(app: &Client<'_>, code: &str) -> String {
    let done: String = form_urlencoded::byte_serialize(DONE.as_bytes()).collect();
    let path = format!(
        "/api/v1/authenticate?reg_code={code}&requestor_id=REF&domain_name=adobe.com&noflash=true&no_iframe=true\
         &mso_id={MVPD}&redirect_url={done}"
    );
    let answer = app.get(&path).await;
    assert_eq!(answer.status, 302, "{answer:?}");
    answer.header("location").to_owned()
}

#[tokio::test]
async fn an_nbc_app_opens_the_login_itself_and_plays() {
    let bridge = without_domain_of_the_provider().await;
    let app = app(&bridge);
    assert_eq!(app.get(&format!("/api/v1/checkauthn?deviceId={DEVICE_ID}")).await.status, 403);
    let code = code(&app).await;
    let url = login_url(&app, &code).await;
    assert!(url.starts_with(&bridge.provider.url()), "the browser needs the provider's cookies: {url}");
    let poll = format!("/api/v1/tokens/authn?deviceId={DEVICE_ID}&requestor=REF");
    for _ in 0..5 {
        assert_eq!(app.get(&poll).await.status, 404);
        bridge.advance(Duration::from_secs(1)).await;
    }
    assert_eq!(browser::log_in(&bridge, &url).await, DONE);
    bridge.advance(Duration::from_secs(4)).await;
    assert_eq!(answer::json(&app.get(&poll).await, 200)["mvpd"], MVPD);

    bridge.provider.forget_calls().await;
    let about = format!("?deviceId={DEVICE_ID}&requestor=REF&resource=nbcsports");
    let permitted = answer::json(&app.get(&format!("/api/v1/authorize{about}")).await, 200);
    let kept = answer::json(&app.get(&format!("/api/v1/tokens/authz{about}")).await, 200);
    assert_eq!(kept, permitted, "the authorization can be read at once");
    answer::json(&app.get(&format!("/api/v1/tokens/media{about}")).await, 200);
    let decisions = bridge.provider.calls_to("/api/v2/REF/decisions/").await;
    assert_eq!(decisions.len(), 1, "one decision serves all three calls: {decisions:?}");

    answer::empty(&app.delete(&format!("/api/v1/logout?deviceId={DEVICE_ID}")).await, 204);
    assert_eq!(app.get(&format!("/api/v1/checkauthn?deviceId={DEVICE_ID}")).await.status, 403);
}

#[tokio::test]
async fn an_nbc_app_can_parse_metadata_before_it_checks_the_status() {
    let bridge = field().await;
    let app = app(&bridge);
    let path = format!("/api/v1/tokens/usermetadata?deviceId={DEVICE_ID}&requestor=REF");
    answer::message(&app.get(&path).await, 412);
    let url = login_url(&app, &code(&app).await).await;
    browser::log_in(&bridge, &url).await;
    bridge.advance(Duration::from_secs(5)).await;
    let metadata = answer::json(&app.get(&path).await, 200);
    assert_eq!(answer::names(&metadata), ["data", "encrypted", "updated"]);
    assert_eq!(metadata["encrypted"], json!(["zip"]));
    assert!(metadata["updated"].is_u64(), "seconds: {metadata}");
    assert!(metadata["updated"].as_u64() < Some(START), "not milliseconds: {metadata}");
    assert_eq!((&metadata["data"]["mvpd"], &metadata["data"]["inHome"]), (&json!(MVPD), &json!(true)));
    assert_eq!(metadata["data"]["channelID"], json!(["news", "sports"]));
}

#[tokio::test]
async fn an_nbc_app_starts_a_free_preview_and_gets_its_login_token_at_once() {
    let bridge = field().await;
    let app = app(&bridge);
    let form = format!(
        "requestor_id=REF&deviceId={DEVICE_ID}&mso_id=TempPass_10min&domain_name=adobe.com&deviceType=Android"
    );
    answer::empty(&app.post("/api/v1/authenticate/freepreview", form.clone()).await, 204);
    let about = format!("?deviceId={DEVICE_ID}&requestor=REF");
    let login = answer::json(&app.get(&format!("/api/v1/tokens/authn{about}")).await, 200);
    assert_eq!(login["mvpd"], "TempPass_10min");
    assert!(answer::expires(&login) > START && !answer::text(&login, "userId").is_empty(), "{login}");

    let permitted = app.get(&format!("/api/v1/authorize{about}&resource=nbcsports")).await;
    let permitted = answer::json(&permitted, 200);
    assert_eq!(permitted["mvpd"], "TempPass_10min");
    let ends = answer::expires(&permitted);
    assert!(ends > START && ends <= START + 11 * 60_000, "{permitted}");
    answer::json(&app.get(&format!("/api/v1/tokens/media{about}&resource=nbcsports")).await, 200);

    // The trial continues until it is used up, which only the next decision shows.
    bridge.advance(Duration::from_secs(15 * 60)).await;
    let app = app_at(&bridge, START + 15 * 60_000);
    let refused = answer::json(&app.get(&format!("/api/v1/authorize{about}&resource=nbcsports")).await, 403);
    assert_eq!(refused["message"], "User not authorized");
    assert!(refused["details"].is_string(), "{refused}");

    // A login is possible after a logout.
    answer::empty(&app.delete(&format!("/api/v1/logout?deviceId={DEVICE_ID}")).await, 204);
    assert_eq!(app.get(&format!("/api/v1/checkauthn{about}")).await.status, 403);
    let url = login_url(&app, &code(&app).await).await;
    browser::log_in(&bridge, &url).await;
    bridge.advance(Duration::from_secs(5)).await;
    let login = answer::json(&app.get(&format!("/api/v1/tokens/authn{about}")).await, 200);
    assert_eq!(login["mvpd"], MVPD);
}
