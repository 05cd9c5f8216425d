//! Limits of live codes, open watches and streams.

use std::time::Duration;

use futures_util::future::join_all;
use passbridge::proto::v1::{CreateRegistrationCodeRequest, registration_code::State};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::{
    raw::RawChannel,
    request::{create, create_for, delete, get, watch},
    retry_delay,
    status::refused,
    test_server::{MEMORY, TestServer, environment},
};

async fn full(server: &TestServer) -> Status {
    let answer = server.codes().create_registration_code(create()).await;
    refused(answer, Code::ResourceExhausted, "LIVE_CODES_EXHAUSTED")
}

#[tokio::test]
async fn live_codes_are_limited_as_configured() {
    let server = TestServer::configured(|config| config.codes.max_live_codes = 2);
    server.created_by(create_for(30)).await;
    server.created_by(create_for(60)).await;
    let status = full(&server).await;
    let info = status.get_details_error_info().expect("carries ErrorInfo");
    assert_eq!(info.metadata["max_live_codes"], "2");
    let delay = retry_delay(&status).expect("carries RetryInfo");
    assert!(delay > Duration::ZERO && delay <= Duration::from_secs(31), "{delay:?}");
}

#[tokio::test]
async fn a_delete_frees_a_slot() {
    let server = TestServer::configured(|config| config.codes.max_live_codes = 1);
    let code = server.created().await.code;
    full(&server).await;
    server.codes().delete_registration_code(delete(&code)).await.expect("deletes");
    server.created().await;
    full(&server).await;
}

#[tokio::test]
async fn an_expiry_frees_a_slot_within_the_announced_retry_delay() {
    let server = TestServer::configured(|config| config.codes.max_live_codes = 1);
    server.created_by(create_for(30)).await;
    let delay = retry_delay(&full(&server).await).expect("carries RetryInfo");
    server.clock.advance(delay);
    server.created().await;
    full(&server).await;
}

#[tokio::test]
async fn a_reload_with_more_environments_than_memory_allows_is_rejected() {
    // The codes of one environment take half of the memory.
    let server = TestServer::configured(|config| {
        config.codes.length = 8;
        config.codes.max_live_codes = MEMORY / 2 / 64;
        environment(config, "default", &[]);
    });
    let error = server.reload(|config| environment(config, "staging", &[])).expect_err("refused");
    for part in [
        "codes.max_live_codes: must be at most 16777216, but is 33554432",
        "take 4096 MiB",
        "of the 4096 MiB",
    ] {
        assert!(error.to_string().contains(part), "{part} is not in {error}");
    }
    let elsewhere = CreateRegistrationCodeRequest { environment: "staging".to_owned(), ..create() };
    assert!(server.codes().create_registration_code(elsewhere).await.is_err());
}

#[tokio::test]
async fn each_environment_has_its_own_limit() {
    let server = TestServer::configured(|config| {
        environment(config, "default", &[]);
        environment(config, "staging", &[]);
        config.codes.max_live_codes = 1;
    });
    server.created().await;
    full(&server).await;
    server.created_by(CreateRegistrationCodeRequest { environment: "staging".to_owned(), ..create() }).await;
}

#[tokio::test]
async fn requestors_of_an_environment_share_its_limit() {
    let server = TestServer::configured(|config| config.codes.max_live_codes = 1);
    server.created_by(CreateRegistrationCodeRequest { requestor_id: "OTHER".to_owned(), ..create() }).await;
    full(&server).await;
}

#[tokio::test]
async fn concurrent_creates_do_not_exceed_the_limit() {
    let server = TestServer::configured(|config| config.codes.max_live_codes = 5);
    let mut clients: Vec<_> = (0..40).map(|_| server.codes()).collect();
    let creates = clients.iter_mut().map(|codes| codes.create_registration_code(create()));
    let created = join_all(creates).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(created, 5);
}

#[tokio::test]
async fn open_watches_are_limited_as_configured() {
    let server = TestServer::configured(|config| config.grpc.max_watches = 1);
    let code = server.created().await.code;
    let mut first = server.codes().watch_registration_code(watch(&code)).await.expect("watches").into_inner();
    let refusal = server.codes().watch_registration_code(watch(&code)).await;
    let status = refused(refusal, Code::ResourceExhausted, "WATCHES_EXHAUSTED");
    assert!(retry_delay(&status).is_some());
    assert_eq!(status.get_details_error_info().expect("carries ErrorInfo").metadata["max_watches"], "1");

    server.codes().delete_registration_code(delete(&code)).await.expect("deletes");
    while first.message().await.expect("answers").is_some() {}
    let code = server.created().await.code;
    server.codes().watch_registration_code(watch(&code)).await.expect("a slot is free again");
}

#[tokio::test]
async fn a_refused_watch_takes_no_slot() {
    let server = TestServer::configured(|config| config.grpc.max_watches = 1);
    let refusal = server.codes().watch_registration_code(watch("BCDFGHJ")).await;
    refused(refusal, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
    let code = server.created().await.code;
    server.codes().watch_registration_code(watch(&code)).await.expect("a slot is free");
}

#[tokio::test]
async fn a_dropped_watch_frees_its_slot() {
    let server = TestServer::configured(|config| config.grpc.max_watches = 1);
    let code = server.created().await.code;
    let mut codes = server.codes();
    drop(codes.watch_registration_code(watch(&code)).await.expect("watches"));
    // The server detects the reset stream soon, but not at once.
    for attempt in 0.. {
        match codes.watch_registration_code(watch(&code)).await {
            Ok(_) => return,
            Err(status) => assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}"),
        }
        assert!(attempt < 10_000, "the slot of a dropped watch is never freed");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_watch_that_is_not_read_holds_its_slot_only_until_its_deadline() {
    let server = TestServer::configured(|config| config.grpc.max_watches = 1);
    let code = server.created().await.code;
    let stuck = RawChannel::with_window(server.address(), 0).await;
    let mut request = tonic::Request::new(watch(&code));
    request.metadata_mut().insert("grpc-timeout", "50m".parse().expect("a value"));
    let _open = stuck.codes().watch_registration_code(request).await.expect("the headers arrive");
    let mut codes = server.codes();
    for attempt in 0.. {
        match codes.watch_registration_code(watch(&code)).await {
            Ok(_) => return,
            Err(status) => assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}"),
        }
        assert!(attempt < 100_000, "its slot is never freed");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_connection_carries_hundreds_of_watches() {
    let server = TestServer::start();
    let code = server.created().await.code;
    let codes = server.codes();
    let opening = (0..300).map(|_| {
        let mut codes = codes.clone();
        let request = watch(&code);
        async move {
            let mut watch = codes.watch_registration_code(request).await.expect("watches").into_inner();
            let first = watch.message().await.expect("answers").expect("a state");
            assert_eq!(first.registration_code.expect("a code").state(), State::Pending);
            watch
        }
    });
    let watches = join_all(opening).await;
    codes.clone().delete_registration_code(delete(&code)).await.expect("deletes");
    let ends = watches.into_iter().map(|mut watch| async move {
        let last = watch.message().await.expect("answers").expect("a state");
        assert_eq!(last.registration_code.expect("a code").state(), State::Released);
        assert_eq!(watch.message().await.expect("ends with OK"), None);
    });
    join_all(ends).await;
}

#[tokio::test]
async fn calls_over_the_stream_limit_of_a_connection_wait() {
    let server = TestServer::configured(|config| config.grpc.max_streams_per_connection = 1);
    let code = server.created().await.code;
    let codes = server.codes();
    let mut held = codes.clone().watch_registration_code(watch(&code)).await.expect("watches").into_inner();
    held.message().await.expect("answers").expect("a state");
    let waiting = tokio::spawn({
        let mut codes = codes.clone();
        async move { codes.create_registration_code(create()).await }
    });
    server.codes().get_registration_code(get(&code)).await.expect("another connection is served");
    assert!(!waiting.is_finished());
    server.codes().delete_registration_code(delete(&code)).await.expect("deletes");
    while held.message().await.expect("answers").is_some() {}
    waiting.await.expect("runs").expect("creates");
}
