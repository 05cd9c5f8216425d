//! The budget of failed lookups.

use std::time::Duration;

use passbridge::proto::v1::{GetRegistrationCodeResponse, WatchRegistrationCodeRequest};
use tonic::{Code, Response, Status};

use crate::support::{
    request::{REQUESTOR, delete, get},
    retry_delay,
    status::{probable_causes, refused},
    test_server::TestServer,
};

const VIEWER: &str = "203.0.113.7";
const UNKNOWN: &str = "BCDFGHJ";

async fn look_up(
    server: &TestServer,
    code: &str,
    viewer_ip: &str,
) -> Result<Response<GetRegistrationCodeResponse>, Status> {
    let mut request = get(code);
    request.viewer_ip = viewer_ip.to_owned();
    server.codes().get_registration_code(request).await
}

async fn miss(server: &TestServer, viewer_ip: &str) {
    let answer = look_up(server, UNKNOWN, viewer_ip).await;
    refused(answer, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
}

async fn exhaust(server: &TestServer, viewer_ip: &str) -> Status {
    for _ in 0..10 {
        miss(server, viewer_ip).await;
    }
    refused(look_up(server, UNKNOWN, viewer_ip).await, Code::ResourceExhausted, "LOOKUP_BUDGET_EXHAUSTED")
}

#[tokio::test]
async fn the_eleventh_miss_of_a_viewer_in_a_minute_is_refused_with_a_retry_delay() {
    let server = TestServer::start();
    let status = exhaust(&server, VIEWER).await;
    let delay = retry_delay(&status).expect("carries RetryInfo");
    assert!(delay > Duration::ZERO && delay <= Duration::from_secs(60), "{delay:?}");
    assert!(probable_causes(&status).is_some());
    server.clock.advance(delay);
    miss(&server, VIEWER).await;
}

#[tokio::test]
async fn a_known_code_is_also_refused_once_the_budget_is_used_up() {
    let server = TestServer::start();
    let code = server.created().await.code;
    exhaust(&server, VIEWER).await;
    refused(look_up(&server, &code, VIEWER).await, Code::ResourceExhausted, "LOOKUP_BUDGET_EXHAUSTED");
    let mut request = delete(&code);
    request.viewer_ip = VIEWER.to_owned();
    let answer = server.codes().delete_registration_code(request).await;
    refused(answer, Code::ResourceExhausted, "LOOKUP_BUDGET_EXHAUSTED");
    let request = WatchRegistrationCodeRequest {
        requestor_id: REQUESTOR.to_owned(),
        code: code.clone(),
        viewer_ip: VIEWER.to_owned(),
        ..WatchRegistrationCodeRequest::default()
    };
    let answer = server.codes().watch_registration_code(request).await;
    refused(answer, Code::ResourceExhausted, "LOOKUP_BUDGET_EXHAUSTED");

    server.clock.advance(Duration::from_secs(60));
    look_up(&server, &code, VIEWER).await.expect("found after a minute");
}

#[tokio::test]
async fn other_viewers_and_callers_without_a_viewer_are_not_limited() {
    let server = TestServer::start();
    let code = server.created().await.code;
    exhaust(&server, VIEWER).await;
    look_up(&server, &code, "203.0.113.8").await.expect("another viewer");
    look_up(&server, &code, "").await.expect("the caller itself");
}

#[tokio::test]
async fn misses_of_get_delete_and_watch_count_together() {
    let server = TestServer::start();
    for _ in 0..5 {
        miss(&server, VIEWER).await;
    }
    for _ in 0..3 {
        let mut request = delete(UNKNOWN);
        request.viewer_ip = VIEWER.to_owned();
        let answer = server.codes().delete_registration_code(request).await;
        refused(answer, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
    }
    for _ in 0..2 {
        let request = WatchRegistrationCodeRequest {
            requestor_id: REQUESTOR.to_owned(),
            code: UNKNOWN.to_owned(),
            viewer_ip: VIEWER.to_owned(),
            ..WatchRegistrationCodeRequest::default()
        };
        let answer = server.codes().watch_registration_code(request).await;
        refused(answer, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
    }
    refused(look_up(&server, UNKNOWN, VIEWER).await, Code::ResourceExhausted, "LOOKUP_BUDGET_EXHAUSTED");
}

#[tokio::test]
async fn an_impossible_code_counts_as_a_miss() {
    let server = TestServer::start();
    for _ in 0..10 {
        refused(look_up(&server, "X", VIEWER).await, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
    }
    refused(look_up(&server, "X", VIEWER).await, Code::ResourceExhausted, "LOOKUP_BUDGET_EXHAUSTED");
}

#[tokio::test]
async fn a_released_code_of_the_callers_requestor_is_not_a_miss() {
    let server = TestServer::start();
    let code = server.created().await.code;
    server.codes().delete_registration_code(delete(&code)).await.expect("deletes");
    for _ in 0..30 {
        let answer = look_up(&server, &code, VIEWER).await;
        refused(answer, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
    }
    miss(&server, VIEWER).await;
}

#[tokio::test]
async fn successful_lookups_are_not_counted() {
    let server = TestServer::start();
    let code = server.created().await.code;
    for _ in 0..30 {
        look_up(&server, &code, VIEWER).await.expect("reads");
    }
}

#[tokio::test]
async fn a_caller_that_does_not_name_viewers_has_its_own_budget() {
    let server = TestServer::configured(|config| config.codes.misses_per_caller = 3);
    let code = server.created().await.code;
    for _ in 0..3 {
        miss(&server, "").await;
    }
    refused(look_up(&server, &code, "").await, Code::ResourceExhausted, "LOOKUP_BUDGET_EXHAUSTED");
    look_up(&server, &code, VIEWER).await.expect("a named viewer");
}

#[tokio::test]
async fn a_viewer_with_many_ipv6_networks_gets_the_budget_of_four() {
    let server = TestServer::start();
    let code = server.created().await.code;
    for network in 0..40 {
        miss(&server, &format!("2001:db8:0:{network:x}::1")).await;
    }
    let answer = look_up(&server, &code, "2001:db8:0:ff::1").await;
    refused(answer, Code::ResourceExhausted, "LOOKUP_BUDGET_EXHAUSTED");
    look_up(&server, &code, "2001:db8:0:100::1").await.expect("another /56");
}

#[tokio::test]
async fn one_ipv6_line_is_one_viewer() {
    let server = TestServer::start();
    let code = server.created().await.code;
    for host in 0..10 {
        miss(&server, &format!("2001:db8::{host:x}")).await;
    }
    let answer = look_up(&server, &code, "2001:db8::ffff").await;
    refused(answer, Code::ResourceExhausted, "LOOKUP_BUDGET_EXHAUSTED");
    look_up(&server, &code, "2001:db8:0:1::1").await.expect("another line");
}
