//! The pages on which viewers type codes. They call from a browser without a token.

use passbridge::config::{EnvironmentConfig, SecondScreen};

use crate::support::{
    http::{Call, call},
    request::REQUESTOR,
    rest::Device,
    test_server::TestServer,
};

/// A server that lets pages call without a token.
fn open() -> TestServer {
    TestServer::configured(|config| {
        let environment =
            EnvironmentConfig { second_screen: Some(SecondScreen::Open), ..EnvironmentConfig::default() };
        config.environments.insert("default".to_owned(), environment);
    })
}

/// A page reads a code.
fn read(server: &TestServer, code: &str) -> Call {
    call(server.rest_address(), "GET", &format!("/reggie/v1/{REQUESTOR}/regcode/{code}.json"))
}

#[tokio::test]
async fn a_page_reads_a_code_without_a_token_in_an_open_environment() {
    let server = open();
    let device = Device::of(&server).await;
    let code = device.created().await;
    let record = read(&server, &code).send().await.json(200);
    assert_eq!(record, device.read(&code).send().await.json(200));
    read(&server, "BCDFGHJ").send().await.error(404);
}

#[tokio::test]
async fn a_page_needs_a_token_by_default() {
    let server = TestServer::start();
    let code = Device::of(&server).await.created().await;
    read(&server, &code).send().await.error(401);
}

#[tokio::test]
async fn credentials_are_checked_even_if_none_are_required() {
    let server = open();
    let code = Device::of(&server).await.created().await;
    for wrong in ["Bearer wrong", "Bearer", "", "POST requestor_id=REF", "Basic YTpi"] {
        read(&server, &code).header("authorization", wrong).send().await.error(401);
    }
}

#[tokio::test]
async fn a_page_cannot_create_or_delete_codes() {
    let server = open();
    let device = Device::of(&server).await;
    let code = device.created().await;
    let path = format!("/reggie/v1/{REQUESTOR}/regcode/{code}.json");
    call(server.rest_address(), "DELETE", &path).send().await.error(401);
    let create = format!("/reggie/v1/{REQUESTOR}/regcode.json?deviceId=device");
    call(server.rest_address(), "POST", &create).send().await.error(401);
    device.read(&code).send().await.json(200);
}

#[tokio::test]
async fn guesses_without_a_token_are_limited_by_address() {
    let server = open();
    let code = Device::of(&server).await.created().await;
    for _ in 0..10 {
        read(&server, "BCDFGHJ").send().await.error(404);
    }
    assert_eq!(read(&server, &code).send().await.status, 429, "guesses are limited");
}
