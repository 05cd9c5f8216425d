//! TempPasses in the flow of version 1: basic ones, and promotional ones with the viewer's identity.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{DEVICE_ID, answer, check_login, field, logged_in, tv};
use crate::support::http::Answer;

const PROMOTIONAL: &str = "TempPassREF";

fn preview(mvpd: &str, more: &str) -> String {
    format!("requestor_id=REF&deviceId={DEVICE_ID}&mso_id={mvpd}&domain_name=adobe.com&format=json{more}")
}

async fn begin(tv: &super::client::Client<'_>, mvpd: &str, more: &str) -> Answer {
    tv.post("/api/v1/authenticate/freepreview", preview(mvpd, more)).await
}

fn about(resource: &str) -> String {
    format!("requestor=REF&deviceId={DEVICE_ID}&resource={resource}&format=json")
}

#[tokio::test]
async fn a_trial_permits_everything_until_it_is_used_up() {
    let bridge = field().await;
    let tv = tv(&bridge).await;
    answer::empty(&begin(&tv, "TempPass", "").await, 204);
    assert_eq!(check_login(&tv).await, 200);
    let many = answer::json(&tv.get(&format!("/api/v1/preauthorize?{}", about("a,b,c"))).await, 200);
    let allowed: Vec<_> =
        many["resources"].as_array().expect("a list").iter().map(|one| &one["authorized"]).collect();
    assert_eq!(allowed, [&Value::Bool(true); 3]);
    let permitted = answer::json(&tv.get(&format!("/api/v1/authorize?{}", about("a"))).await, 200);
    assert_eq!(permitted["mvpd"], "TempPass");
    let kept = answer::json(&tv.get(&format!("/api/v1/tokens/authz?{}", about("a"))).await, 200);
    assert_eq!(kept, permitted);
    let media = answer::json(&tv.get(&format!("/api/v1/tokens/media?{}", about("a"))).await, 200);
    assert!(!answer::text(&media, "userId").is_empty(), "{media}");
    bridge.advance(std::time::Duration::from_secs(4 * 3600)).await;
    let refused = answer::json(&tv.get(&format!("/api/v1/authorize?{}", about("a"))).await, 403);
    assert_eq!(refused["message"], "User not authorized");
    // A used-up trial can be started like any other. Only the decision denies.
    answer::empty(&begin(&tv, "TempPass", "").await, 204);
    answer::message(&tv.get(&format!("/api/v1/authorize?{}", about("a"))).await, 403);
}

#[tokio::test]
async fn the_viewer_of_a_promotional_trial_is_stored_and_sent_with_every_call() {
    let bridge = field().await;
    let tv = tv(&bridge).await;
    let identity = "&generic_data=%7B%22email%22%3A%22f7ee5ec7312165148b69fcca1d29075b14b8aef0b5048a332b18b88d09069fb7%22%7D";
    answer::empty(&begin(&tv, PROMOTIONAL, identity).await, 204);
    bridge.provider.forget_calls().await;
    for resource in 1..=5 {
        answer::json(&tv.get(&format!("/api/v1/authorize?{}", about(&resource.to_string()))).await, 200);
    }
    let refused = tv.get(&format!("/api/v1/authorize?{}", about("6"))).await;
    assert!(answer::json(&refused, 403)["details"].is_string(), "{refused:?}");
    let calls = bridge.provider.calls_to("/api/v2/REF/decisions/").await;
    assert_eq!(calls.len(), 6, "decisions of a trial are not cached");
    for call in calls {
        let sent = call["headers"]["ap-temppass-identity"].as_str().expect("is sent");
        let sent: Value =
            serde_json::from_slice(&BASE64_STANDARD.decode(sent).expect("base64")).expect("JSON");
        assert!(sent["email"].as_str().expect("text").starts_with("f7ee5ec7"), "{sent}");
    }
    let metadata =
        tv.get(&format!("/api/v1/tokens/usermetadata?requestor=REF&deviceId={DEVICE_ID}&format=json")).await;
    let metadata = answer::json(&metadata, 200);
    assert_eq!(metadata["data"]["remaining_resources"], json!(0));
    assert_eq!(metadata["data"]["used_assets"].as_array().map(Vec::len), Some(5), "{metadata}");
}

#[tokio::test]
async fn an_identity_may_be_in_parentheses_as_documented() {
    let bridge = field().await;
    let tv = tv(&bridge).await;
    answer::empty(&begin(&tv, PROMOTIONAL, "&generic_data=%28%22email%22%3A%22ann%22%29").await, 204);
    answer::json(&tv.get(&format!("/api/v1/authorize?{}", about("a"))).await, 200);
    let calls = bridge.provider.calls_to("/api/v2/REF/decisions/").await;
    let sent = calls[0]["headers"]["ap-temppass-identity"].as_str().expect("is sent");
    let sent = String::from_utf8(BASE64_STANDARD.decode(sent).expect("base64")).expect("UTF-8");
    assert_eq!(serde_json::from_str::<Value>(&sent).expect("JSON"), json!({ "email": "ann" }));
}

#[tokio::test]
async fn invalid_identities_and_operators_that_are_not_temp_passes_are_refused() {
    let bridge = field().await;
    let (tv, _) = logged_in(&bridge).await;
    let long = format!("&generic_data=%7B%22email%22%3A%22{}%22%7D", "x".repeat(2_048));
    for generic_data in ["&generic_data=ann", "&generic_data=%5B1%5D", "&generic_data=%7B%22a", &long] {
        answer::message(&begin(&tv, PROMOTIONAL, generic_data).await, 400);
    }
    answer::message(&begin(&tv, "Cablevision", "").await, 400);
    answer::message(&begin(&tv, "Nobody", "").await, 400);
    let path = format!("/api/v1/tokens/authn.json?requestor=REF&deviceId={DEVICE_ID}");
    assert_eq!(answer::json(&tv.get(&path).await, 200)["mvpd"], super::MVPD, "the login is unchanged");
}

#[tokio::test]
async fn a_page_can_choose_a_temp_pass() {
    let bridge = field().await;
    let tv = tv(&bridge).await;
    let code = super::code(&tv).await;
    let query = format!(
        "reg_code={code}&requestor_id=REF&mso_id=TempPass&domain_name=adobe.com\
         &redirect_url=https%3A%2F%2Factivate.example.com%2Fdone"
    );
    let location = super::second_screen::start_login(&bridge, &query).await;
    assert_eq!(location, super::DONE, "no login is needed");
    let page = super::second_screen::xhr(&bridge);
    answer::json(&page.get(&format!("/api/v1/checkauthn/{code}.json?requestor=REF")).await, 200);
    assert_eq!(check_login(&tv).await, 200);
    answer::json(&tv.get(&format!("/api/v1/authorize?{}", about("a"))).await, 200);
}
