//! TVs that poll every second: how many upstream calls they cause, and that changes are visible at once.

use std::{collections::BTreeMap, time::Duration};

use passbridge::proto::v1::registration_code::State;
use serde_json::Value;

use super::{
    DEVICE_ID, MVPD, answer, check_login,
    client::Client,
    code, field, logged_in,
    second_screen::{self, xhr},
    tv,
};
use crate::support::Bridge;

const SECOND: Duration = Duration::from_secs(1);

/// The provider's counts of calls, by endpoint.
async fn counted(bridge: &Bridge) -> BTreeMap<String, u64> {
    let rates = bridge.provider.control("GET", "rates", Value::Null).await;
    let rates: Value = serde_json::from_str(&rates.body).expect("JSON");
    let endpoints = rates["endpoints"].as_array().expect("a list").iter();
    let of = |rate: &Value| Some((rate["endpoint"].as_str()?.to_owned(), rate["calls"].as_u64()?));
    let mut sums = BTreeMap::new();
    for (endpoint, calls) in endpoints.filter_map(of) {
        *sums.entry(endpoint).or_default() += calls;
    }
    sums
}

/// The number of these calls that are about logins.
fn about_logins(counted: &BTreeMap<String, u64>) -> u64 {
    counted.iter().filter(|(endpoint, _)| endpoint.contains("/profiles")).map(|(_, calls)| calls).sum()
}

/// Polls once a second for this many seconds. Only this advances the clocks.
async fn poll(tv: &Client<'_>, path: &str, seconds: u32, status: u16) {
    for _ in 0..seconds {
        let answered = tv.call("GET", path).send().await;
        assert_eq!(answered.status, status, "{path}: {answered:?}");
        tv.bridge.advance(SECOND).await;
    }
}

#[tokio::test]
async fn a_tv_that_polls_every_second_causes_one_upstream_call_in_four_seconds() {
    let bridge = field().await;
    let tv = tv(&bridge).await;
    let code = code(&tv).await;
    bridge.advance(Duration::from_secs(20)).await;
    let device = format!("requestor=REF&deviceId={DEVICE_ID}&format=json");
    for (path, status) in [
        (format!("/api/v1/checkauthn?{device}"), 403),
        (format!("/api/v1/tokens/authn?{device}"), 404),
        (format!("/api/v1/authenticate/{code}?requestor=REF&format=json"), 404),
    ] {
        bridge.provider.forget_calls().await;
        poll(&tv, &path, 60, status).await;
        let calls = about_logins(&counted(&bridge).await);
        assert!((1..=16).contains(&calls), "{path}: {calls} in a minute");
        bridge.advance(Duration::from_secs(20)).await;
    }
}

#[tokio::test]
async fn a_logged_in_tv_that_polls_every_second_causes_one_upstream_call_a_minute() {
    let bridge = field().await;
    let (tv, code) = logged_in(&bridge).await;
    bridge.advance(Duration::from_secs(120)).await;
    let device = format!("requestor=REF&deviceId={DEVICE_ID}&format=json");
    for path in [
        format!("/api/v1/checkauthn?{device}"),
        format!("/api/v1/tokens/authn?{device}"),
        format!("/api/v1/authenticate/{code}?requestor=REF&format=json"),
    ] {
        bridge.provider.forget_calls().await;
        poll(&tv, &path, 120, 200).await;
        let calls = about_logins(&counted(&bridge).await);
        assert!(calls <= 4, "{path}: {calls} in two minutes");
    }
}

#[tokio::test]
async fn concurrent_polls_share_one_upstream_call() {
    let bridge = field().await;
    let tv = tv(&bridge).await;
    code(&tv).await;
    bridge.advance(Duration::from_secs(20)).await;
    bridge.provider.forget_calls().await;
    let path = format!("/api/v1/tokens/authn.json?requestor=REF&deviceId={DEVICE_ID}");
    let asking = (0..16).map(|_| tv.call("GET", &path).send());
    for answered in futures_util::future::join_all(asking).await {
        answer::message(&answered, 404);
    }
    let calls = about_logins(&counted(&bridge).await);
    assert!(calls <= 2, "{calls}");
}

#[tokio::test]
async fn a_page_sees_the_login_at_once_despite_cached_polls() {
    let bridge = field().await;
    let tv = tv(&bridge).await;
    let code = code(&tv).await;
    let mut watch = bridge.watch(&code).await;
    let check_device = format!("/api/v1/checkauthn.json?requestor=REF&deviceId={DEVICE_ID}");
    let check_code = format!("/api/v1/checkauthn/{code}.json?requestor=REF");
    let page = xhr(&bridge);
    let url = second_screen::start_login(
        &bridge,
        &format!(
            "reg_code={code}&requestor_id=REF&mso_id={MVPD}&domain_name=adobe.com\
             &redirect_url=https%3A%2F%2Factivate.example.com%2Fdone"
        ),
    )
    .await;
    let page_of = crate::browser::open(&bridge, &url).await;
    // Time stops from here on.
    let ask = async |client: &Client<'_>, path: &str| client.call("GET", path).send().await;
    assert_eq!(ask(&tv, &check_device).await.status, 403);
    assert_eq!(ask(&page, &check_code).await.status, 403);
    page_of.submit(&bridge).await;
    assert_eq!(ask(&page, &check_code).await.status, 200, "the page checks at once");
    assert_eq!(ask(&tv, &check_device).await.status, 200, "the TV's next poll shows the login");
    let path = format!("/api/v1/tokens/authn.json?requestor=REF&deviceId={DEVICE_ID}");
    assert_eq!(answer::json(&ask(&tv, &path).await, 200)["mvpd"], MVPD);
    let last = watch.message().await.expect("continues").expect("a message").registration_code;
    assert_eq!(last.expect("a code").state(), State::Released, "the watcher of the code is notified");
}

#[tokio::test]
async fn a_logout_and_the_next_login_are_visible_at_once() {
    let bridge = field().await;
    let (tv, _) = logged_in(&bridge).await;
    answer::empty(&tv.delete(&format!("/api/v1/logout?requestor=REF&deviceId={DEVICE_ID}")).await, 204);
    assert_eq!(check_login(&tv).await, 403);
    let path = format!("/api/v1/tokens/authn.json?requestor=REF&deviceId={DEVICE_ID}");
    answer::message(&tv.get(&path).await, 404);
    let code = code(&tv).await;
    second_screen::log_in(&bridge, &code, "Dish").await;
    let checked = xhr(&bridge).get(&format!("/api/v1/checkauthn/{code}.json?requestor=REF")).await;
    answer::json(&checked, 200);
    assert_eq!(answer::json(&tv.get(&path).await, 200)["mvpd"], "Dish");
}

#[tokio::test]
async fn page_and_tv_see_the_login_after_the_code_has_expired_at_the_provider() {
    let bridge = field().await;
    let (tv, code) = logged_in(&bridge).await;
    let check_code = format!("/api/v1/checkauthn/{code}.json?requestor=REF");
    answer::json(&xhr(&bridge).get(&check_code).await, 200);
    bridge.advance(Duration::from_secs(31 * 60)).await;
    answer::json(&xhr(&bridge).get(&check_code).await, 200);
    let path = format!("/api/v1/authenticate/{code}.json?requestor=REF");
    assert_eq!(answer::json(&tv.get(&path).await, 200)["mvpd"], MVPD);
}

#[tokio::test]
async fn a_login_that_ends_at_the_provider_is_gone_a_minute_later() {
    let bridge = field().await;
    let (tv, _) = logged_in(&bridge).await;
    super::control(&bridge, "profiles/invalidate", serde_json::json!({})).await;
    super::forget_answers(&bridge).await;
    assert_eq!(check_login(&tv).await, 403);
}
