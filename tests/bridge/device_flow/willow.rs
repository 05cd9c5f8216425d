//! Willow's app for Android TV: it names its app and its device type in every call, shows the operator's message to the
//! viewer, and logs out with only its header.

use std::time::Duration;

use super::{DEVICE_ID, MVPD, answer, client::Client, deny, field, second_screen, signature::signed};
use crate::support::test_server::START;

const COMMON: &str = "&requestor=REF&appId=AndroidTV&deviceType=androidtv&format=json";

#[tokio::test]
async fn an_app_that_names_itself_in_every_call_is_identified_by_its_name() {
    let bridge = field().await;
    let tv = Client::new(&bridge).with("authorization", signed("GET", "/x", "1", START));
    let common = format!("deviceId={DEVICE_ID}{COMMON}");
    let created = tv.post("/reggie/v1/REF/regcode", common.clone()).await;
    let code = answer::text(&answer::json(&created, 201), "code");
    second_screen::log_in(&bridge, &code, MVPD).await;
    let check = format!("/api/v1/checkauthn?{common}");
    answer::json(&tv.get(&check).await, 200);
    // Another app of the same device has its own login, or none.
    let other = check.replace("AndroidTV", "OtherApp");
    answer::message(&tv.get(&other).await, 403);

    let permitted = tv.get(&format!("/api/v1/authorize?{common}&resource=willow")).await;
    assert_eq!(answer::json(&permitted, 200)["resource"], "willow");
    let media = answer::json(&tv.get(&format!("/api/v1/tokens/media?{common}&resource=willow")).await, 200);
    assert!(!answer::text(&media, "serializedToken").is_empty());

    deny(&bridge, "authorization_denied_by_parental_controls").await;
    let refused = answer::json(&tv.get(&format!("/api/v1/authorize?{common}&resource=other")).await, 403);
    assert_eq!(refused["details"], "Call us, ann", "the app shows it to the viewer");
}

#[tokio::test]
async fn a_logout_without_a_device_is_refused_and_changes_nothing() {
    let bridge = field().await;
    let tv = Client::new(&bridge).with("authorization", signed("DELETE", "/logout", "1", START));
    let created = tv.post("/reggie/v1/REF/regcode", format!("deviceId={DEVICE_ID}{COMMON}")).await;
    let code = answer::text(&answer::json(&created, 201), "code");
    second_screen::log_in(&bridge, &code, MVPD).await;
    bridge.advance(Duration::from_secs(5)).await;
    let refused = tv.delete("/api/v1/logout").await;
    assert_eq!(refused.status, 400, "{refused:?}");
    assert!(refused.body.contains("deviceId"), "the message names the missing parameter: {refused:?}");
    answer::json(&tv.get(&format!("/api/v1/checkauthn?deviceId={DEVICE_ID}{COMMON}")).await, 200);
}
