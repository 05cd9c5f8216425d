//! The module of EPlusTV for MSG and YES: it registers again at each start, sends only the device id, and stays logged in.

use passbridge::config::{BackendKind, DeviceInfoRule};
use serde_json::Value;

use super::{DEVICE_ID, MVPD, answer, client::Client, configure, field, second_screen};
use crate::support::{
    Bridge,
    rest::{ask_for_token, mint, register, statement_command, token_form},
};

/// A start of the app, with its own client registration.
async fn started<'a>(bridge: &'a Bridge, statement: &str) -> Client<'a> {
    let registered = register(&bridge.server, statement).await;
    let issued = ask_for_token(&bridge.server, token_form(&registered)).await;
    let token = answer::text(&issued.json(201), "access_token");
    Client::new(bridge)
        .with("accept", "application/json, text/plain, */*")
        .with("authorization", format!("Bearer {token}"))
}

#[tokio::test]
async fn an_app_that_registers_at_each_start_stays_logged_in() {
    let bridge = Bridge::configured(BackendKind::V2, |config| {
        configure(config);
        config.rest.device_info = DeviceInfoRule::Optional;
    })
    .await;
    let statement = mint(&bridge.server, statement_command()).await;
    let first = started(&bridge, &statement).await;
    let device = format!("deviceId={DEVICE_ID}&requestor=REF");
    // Its form has only the device id, and no call has device information.
    let created = first.post("/reggie/v1/REF/regcode", format!("deviceId={DEVICE_ID}")).await;
    let code = answer::text(&answer::json(&created, 201), "code");
    second_screen::log_in(&bridge, &code, MVPD).await;
    let login = answer::json(&first.get(&format!("/api/v1/tokens/authn?{device}")).await, 200);

    let second = started(&bridge, &statement).await;
    assert_eq!(answer::json(&second.get(&format!("/api/v1/tokens/authn?{device}")).await, 200), login);
    answer::json(&second.get(&format!("/api/v1/authorize?{device}&resource=MSGGO")).await, 200);
    answer::json(&second.get(&format!("/api/v1/tokens/media?{device}&resource=MSGGO")).await, 200);
    let metadata = answer::json(&second.get(&format!("/api/v1/tokens/usermetadata?{device}")).await, 200);
    for name in ["zip", "userID", "mvpd"] {
        assert_ne!(metadata["data"][name], Value::Null, "{name}: {metadata}");
    }
    let many =
        answer::json(&second.get(&format!("/api/v1/preauthorize?{device}&resource=YESN,MSGGO")).await, 200);
    let ids: Vec<_> = many["resources"].as_array().expect("a list").iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, ["YESN", "MSGGO"]);
    // The statement has only one requestor.
    answer::json(&second.get(&format!("/api/v1/checkauthn?deviceId={DEVICE_ID}")).await, 200);
}

#[tokio::test]
async fn a_device_without_any_device_information_is_served() {
    let bridge = Bridge::configured(BackendKind::V2, |config| {
        configure(config);
        config.rest.device_info = DeviceInfoRule::Optional;
    })
    .await;
    let tv = super::tv(&bridge).await.without("user-agent");
    let device = format!("deviceId={DEVICE_ID}&requestor=REF&format=json");
    answer::message(&tv.get(&format!("/api/v1/checkauthn?{device}")).await, 403);
    answer::message(&tv.get(&format!("/api/v1/tokens/authn?{device}")).await, 404);
    let created = tv.post("/reggie/v1/REF/regcode", format!("deviceId={DEVICE_ID}&format=json")).await;
    let code = answer::text(&answer::json(&created, 201), "code");
    second_screen::log_in(&bridge, &code, MVPD).await;
    // The last response for the device stays cached for some seconds.
    bridge.advance(std::time::Duration::from_secs(5)).await;
    answer::json(&tv.get(&format!("/api/v1/authorize?{device}&resource=MSGGO")).await, 200);
}

#[tokio::test]
async fn missing_device_information_comes_from_an_earlier_call() {
    let bridge = field().await;
    let tv = super::tv(&bridge).await;
    let code = super::code(&tv).await;
    second_screen::log_in(&bridge, &code, MVPD).await;
    let user_agent = "Mozilla/5.0 (Linux; Android 7.1.2; AFTMM Build/NS6297; wv)";
    let talkative =
        tv.clone().with("x-device-info", crate::support::rest::DEVICE_INFO).with("user-agent", user_agent);
    let path = format!("/api/v1/tokens/authn?requestor=REF&deviceId={DEVICE_ID}&format=json");
    answer::json(&talkative.get(&path).await, 200);
    bridge.provider.forget_calls().await;
    let tv = tv.without("user-agent");
    let authorize = format!("/api/v1/authorize?requestor=REF&deviceId={DEVICE_ID}&resource=news&format=json");
    answer::json(&tv.get(&authorize).await, 200);
    let calls = bridge.provider.calls_to("/api/v2/REF/decisions/").await;
    let info = calls[0]["headers"]["x-device-info"].as_str().expect("is sent");
    let info = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, info).expect("base64");
    let info: Value = serde_json::from_slice(&info).expect("JSON");
    assert_eq!((&info["model"], &info["osName"]), (&"AFTMM".into(), &"Android".into()));
    assert_eq!(calls[0]["headers"]["user-agent"], user_agent);
    assert_eq!(calls[0]["headers"]["x-forwarded-for"], "203.0.113.77");
}
