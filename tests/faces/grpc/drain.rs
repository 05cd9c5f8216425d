//! How the server drains while calls are open.

use std::time::Duration;

use futures_util::FutureExt;
use passbridge::{
    config::HumanDuration,
    proto::v1::{WatchRegistrationCodeRequest, registration_code::State},
};
use tonic::{Code, Status};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::support::{request::REQUESTOR, status::refused, test_server::TestServer};

/// Starts a server whose drain limit is longer than any test, so that a call that ends was not cancelled.
fn patient() -> TestServer {
    TestServer::configured(|config| config.runtime.drain_timeout = HumanDuration::from_secs(10))
}

#[tokio::test]
async fn an_open_watch_ends_with_shutting_down() {
    let mut server = patient();
    let code = server.created().await.code;
    let request = WatchRegistrationCodeRequest {
        requestor_id: REQUESTOR.to_owned(),
        code,
        ..WatchRegistrationCodeRequest::default()
    };
    let mut watch = server.codes().watch_registration_code(request).await.expect("watches").into_inner();
    let first = watch.message().await.expect("answers").expect("a state");
    assert_eq!(first.registration_code.expect("a code").state(), State::Pending);
    server.begin_stop();
    let end: Result<_, Status> = watch.message().await;
    refused(end, Code::Unavailable, "SHUTTING_DOWN");
    server.ended().await;
}

#[tokio::test]
async fn health_reports_not_serving_during_the_drain() {
    let mut server = patient();
    let mut health = HealthClient::new(server.channel());
    let request = HealthCheckRequest { service: String::new() };
    let mut watch = health.watch(request).await.expect("watches").into_inner();
    let first = watch.message().await.expect("answers").expect("a status");
    assert_eq!(first.status(), ServingStatus::Serving);
    server.begin_stop();
    let next = watch.message().await.expect("answers").expect("a status");
    assert_eq!(next.status(), ServingStatus::NotServing);
    drop(watch);
    server.ended().await;
}

#[tokio::test]
async fn an_open_health_watch_does_not_delay_the_drain() {
    let mut server = patient();
    let mut health = HealthClient::new(server.channel());
    let request = HealthCheckRequest { service: String::new() };
    let mut watch = health.watch(request).await.expect("watches").into_inner();
    watch.message().await.expect("answers").expect("a status");
    server.begin_stop();
    let end = async { while let Ok(Some(_)) = watch.message().await {} };
    let ended = tokio::time::timeout(Duration::from_secs(5), end).await;
    assert!(ended.is_ok(), "the stream stays open until the drain limit");
}

#[tokio::test]
async fn an_idle_connection_does_not_delay_the_drain() {
    let server = patient();
    let mut codes = server.codes();
    let code = codes.create_registration_code(crate::support::request::create()).await;
    code.expect("creates");
    let ended = tokio::time::timeout(Duration::from_secs(5), server.ended()).await;
    assert!(ended.is_ok(), "the server waits for an idle client");
}

#[tokio::test]
async fn open_calls_are_cancelled_at_the_drain_limit() {
    let mut server =
        TestServer::configured(|config| config.runtime.drain_timeout = HumanDuration::from_secs(0));
    let mut health = HealthClient::new(server.channel());
    let request = HealthCheckRequest { service: String::new() };
    let mut watch = health.watch(request).await.expect("watches").into_inner();
    watch.message().await.expect("answers").expect("a status");
    server.begin_stop();
    server.ended().await;
    while let Some(Ok(Some(_))) = watch.message().now_or_never() {}
}
