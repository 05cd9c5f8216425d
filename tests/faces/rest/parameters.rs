//! Where parameters are accepted: query, form and headers.

use serde_json::json;

use crate::support::{
    rest::{DEVICE_INFO, Device},
    test_server::{START, TestServer},
};

const PATH: &str = "/reggie/v1/REF/regcode.json";

#[tokio::test]
async fn every_parameter_may_be_in_the_form() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    let form = format!(
        "deviceId=abc&device_info={DEVICE_INFO}&mvpd=m1&ttl=60&requestor=REF&deviceType=t&registrationURL=http%3A%2F%2Fx"
    );
    let record = device.call("POST", PATH).form(form).send().await.json(201);
    assert_eq!(record["expires"], START + 60_000);
    assert_eq!((&record["mvpd"], &record["info"]["deviceId"]), (&json!("m1"), &json!("YWJj")));
    assert_eq!(record["info"]["registrationURL"], "http://x");
}

#[tokio::test]
async fn parameters_may_be_split_between_query_and_form_and_repeated() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    let path = format!("{PATH}?deviceId=abc&ttl=60");
    let record =
        device.call("POST", &path).form(format!("ttl=60&device_info={DEVICE_INFO}")).send().await.json(201);
    assert_eq!(record["expires"], START + 60_000);
}

#[tokio::test]
async fn an_empty_ttl_means_half_an_hour_and_an_empty_mvpd_means_none() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    let record = device.create("ttl=&mvpd=").send().await.json(201);
    assert_eq!(record["expires"], START + 1_800_000);
    assert_eq!(record.get("mvpd"), None);
}

#[tokio::test]
async fn a_space_in_base64_of_a_query_means_plus() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    // The base64 of `{"model":"Ã>","osName":"Android"}` has a plus, which decoding turns into a space in an unencoded query.
    let plus = base64::Engine::encode(
        &base64::prelude::BASE64_STANDARD,
        "{\"model\":\"\u{fb}\u{fb}>>\",\"osName\":\"Android\"}",
    );
    assert!(plus.contains('+'), "{plus}");
    for path in [
        format!("{PATH}?deviceId=a&device_info={plus}"),
        format!("{PATH}?deviceId=b&device_info={}", plus.replace('+', "%20")),
    ] {
        let record = device.call("POST", &path).send().await.json(201);
        let encoded = record["info"]["deviceInfo"].as_str().expect("text");
        let decoded = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, encoded).expect("base64");
        let normalized: serde_json::Value = serde_json::from_slice(&decoded).expect("JSON");
        assert_eq!(normalized["model"], "\u{fb}\u{fb}>>");
    }
}

#[tokio::test]
async fn the_header_precedes_the_parameter() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    let answer = device.create("device_info=nonsense").send().await;
    answer.json(201);
}

#[tokio::test]
async fn unknown_parameters_are_ignored() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    device.create("foo=1&foo=2&bar=%FF&baz").send().await.json(201);
}
