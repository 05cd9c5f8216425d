//! The share of each quota that one caller may use.

use passbridge::{
    config::Config,
    proto::v1::{
        WatchRegistrationCodeResponse, registration_code_service_client::RegistrationCodeServiceClient,
    },
};
use tonic::{Code, Status, Streaming, transport::Channel};
use tonic_types::StatusExt;

use crate::support::{
    caller::{caller, list, token_of, with_token},
    request::{create, get, watch},
    retry_delay,
    status::refused,
    test_server::TestServer,
};

const GREEDY: &str = "greedy";
const OTHER: &str = "other";

fn server(change: impl FnOnce(&mut Config)) -> TestServer {
    let permissions = ["codes.create", "codes.read", "temp_passes.reset"];
    TestServer::configured(|config| {
        list(config, [caller(GREEDY, &permissions), caller(OTHER, &permissions)]);
        change(config);
    })
}

async fn created(server: &TestServer) -> String {
    let request = with_token(&token_of(GREEDY), create());
    let created = server.codes().create_registration_code(request).await.expect("creates").into_inner();
    created.registration_code.expect("a code").code
}

#[track_caller]
fn assert_share(status: &Status, limit: (&str, &str), share: Option<&str>) {
    let info = status.get_details_error_info().expect("carries ErrorInfo");
    assert_eq!(info.metadata.get(limit.0).map(String::as_str), Some(limit.1), "{info:?}");
    assert_eq!(info.metadata.get("caller_share").map(String::as_str), share, "{info:?}");
    assert!(retry_delay(status).is_some(), "{status:?}");
}

async fn open_watch(
    server: &TestServer,
    name: &str,
    code: &str,
) -> Result<Streaming<WatchRegistrationCodeResponse>, Status> {
    let request = with_token(&token_of(name), watch(code));
    server.codes().watch_registration_code(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn one_caller_cannot_use_all_watches() {
    let server = server(|config| config.grpc.max_watches = 5);
    let code = created(&server).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(open_watch(&server, GREEDY, &code).await.expect("within its share"));
    }
    let refusal = open_watch(&server, GREEDY, &code).await;
    let status = refused(refusal, Code::ResourceExhausted, "WATCHES_EXHAUSTED");
    assert_share(&status, ("max_watches", "5"), Some("4"));
    assert!(status.message().contains("grpc.caller_share"), "{}", status.message());

    held.push(open_watch(&server, OTHER, &code).await.expect("a slot is left for others"));
    let refusal = open_watch(&server, OTHER, &code).await;
    let status = refused(refusal, Code::ResourceExhausted, "WATCHES_EXHAUSTED");
    assert_share(&status, ("max_watches", "5"), None);
}

#[tokio::test]
async fn the_share_of_one_caller_is_configurable() {
    let server = server(|config| (config.grpc.max_watches, config.grpc.caller_share) = (4, 50));
    let code = created(&server).await;
    let _held = [open_watch(&server, GREEDY, &code).await, open_watch(&server, GREEDY, &code).await];
    let status = open_watch(&server, GREEDY, &code).await.expect_err("two are its share");
    assert_share(&status, ("max_watches", "4"), Some("2"));
}

#[tokio::test]
async fn one_caller_cannot_use_all_batches() {
    let server = server(|config| config.grpc.max_batches = 5);
    let begin = async |name: &str| {
        let items = futures_util::stream::pending();
        let mut temp_passes = server.temp_passes();
        temp_passes.batch_reset_temp_pass(with_token(&token_of(name), items)).await
    };
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(begin(GREEDY).await.expect("within its share"));
    }
    let status = refused(begin(GREEDY).await, Code::ResourceExhausted, "BATCHES_EXHAUSTED");
    assert_share(&status, ("max_batches", "5"), Some("4"));
    held.push(begin(OTHER).await.expect("a slot is left for others"));
    let status = refused(begin(OTHER).await, Code::ResourceExhausted, "BATCHES_EXHAUSTED");
    assert_share(&status, ("max_batches", "5"), None);
}

type Connected = RegistrationCodeServiceClient<Channel>;

/// Opens a connection and makes a call over it as this caller.
async fn connect(server: &TestServer, name: &str, code: &str) -> Result<Connected, Status> {
    let mut codes = server.codes();
    codes.get_registration_code(with_token(&token_of(name), get(code))).await.map(|_| codes)
}

#[tokio::test]
async fn one_caller_cannot_use_all_connections_and_those_over_its_share_close() {
    let server = server(|config| config.grpc.max_connections = 10);
    let code = created(&server).await;
    let mut held = Vec::new();
    // The server may not have detected yet that the client of the create closed its connection.
    while held.len() < 8 {
        held.extend(connect(&server, GREEDY, &code).await);
    }
    // More connections than there are slots, if refused ones were kept open.
    for _ in 0..10 {
        let refusal = connect(&server, GREEDY, &code).await;
        let status = refused(refusal, Code::ResourceExhausted, "CONNECTIONS_EXHAUSTED");
        assert_share(&status, ("max_connections", "10"), Some("8"));
    }
    connect(&server, OTHER, &code).await.expect("a slot is left for others");
    held[0].get_registration_code(with_token(&token_of(GREEDY), get(&code))).await.expect("continues");
    held.pop();
    while connect(&server, GREEDY, &code).await.is_err() {}
}

#[tokio::test]
async fn the_server_closes_a_connection_over_the_callers_share() {
    let server = server(|config| (config.grpc.max_connections, config.grpc.caller_share) = (10, 1));
    let code = created(&server).await;
    let first = loop {
        if let Ok(first) = connect(&server, GREEDY, &code).await {
            break first;
        }
    };
    let surplus = crate::support::raw::RawChannel::connect(server.address()).await;
    let refusal = surplus.codes().get_registration_code(with_token(&token_of(GREEDY), get(&code))).await;
    refused(refusal, Code::ResourceExhausted, "CONNECTIONS_EXHAUSTED");
    let request = || with_token(&token_of(OTHER), get(&code));
    // After the refusal, the server serves no caller over this connection.
    while surplus.codes().get_registration_code(request()).await.is_ok() {}
    drop(first);
}
