//! Watching a code until it ends.

use std::time::Duration;

use passbridge::proto::v1::{
    CreateRegistrationCodeRequest, RegistrationCode, WatchRegistrationCodeRequest,
    WatchRegistrationCodeResponse, registration_code::State,
};
use tonic::{Code, Streaming};

use crate::support::{
    raw::RawChannel,
    request::{create, create_for, delete, watch},
    status::{refused, violated},
    test_server::TestServer,
};

fn watch_record(code: &str, id: &str) -> WatchRegistrationCodeRequest {
    WatchRegistrationCodeRequest { id: Some(id.to_owned()), ..watch(code) }
}

async fn open(
    server: &TestServer,
    request: WatchRegistrationCodeRequest,
) -> Streaming<WatchRegistrationCodeResponse> {
    server.codes().watch_registration_code(request).await.expect("watches").into_inner()
}

async fn next(watch: &mut Streaming<WatchRegistrationCodeResponse>) -> RegistrationCode {
    let message = watch.message().await.expect("answers").expect("a message");
    message.registration_code.expect("a code")
}

async fn assert_over(mut watch: Streaming<WatchRegistrationCodeResponse>) {
    assert_eq!(watch.message().await.expect("ends with OK"), None);
}

async fn release(server: &TestServer, code: &str) {
    server.codes().delete_registration_code(delete(code)).await.expect("deletes");
}

#[tokio::test]
async fn a_watch_starts_with_the_current_state() {
    let server = TestServer::start();
    let created = server.created().await;
    let mut watch = open(&server, watch(&created.code)).await;
    assert_eq!(next(&mut watch).await, created);
}

#[tokio::test]
async fn a_watch_ends_after_released_when_the_code_is_deleted() {
    let server = TestServer::start();
    let created = server.created().await;
    let mut watch = open(&server, watch(&created.code)).await;
    next(&mut watch).await;
    release(&server, &created.code).await;
    let last = next(&mut watch).await;
    assert_eq!(last.state(), State::Released);
    assert_eq!((last.id, last.code), (created.id, created.code));
    assert_over(watch).await;
}

#[tokio::test]
async fn a_watch_ends_after_expired_when_the_code_expires() {
    let server = TestServer::start();
    let created = server.created_by(create_for(10)).await;
    let mut watch = open(&server, watch(&created.code)).await;
    next(&mut watch).await;
    server.clock.advance(Duration::from_secs(10));
    let last = next(&mut watch).await;
    assert_eq!((last.state(), last.id), (State::Expired, created.id));
    assert_over(watch).await;
}

#[tokio::test]
async fn the_last_message_of_a_watch_has_the_whole_record() {
    let server = TestServer::start();
    let created = server.created_by(create_for(60)).await;
    let mut watch = open(&server, watch(&created.code)).await;
    assert_eq!(next(&mut watch).await, created);
    release(&server, &created.code).await;
    assert_eq!(next(&mut watch).await, RegistrationCode { state: State::Released.into(), ..created });
}

#[tokio::test]
async fn a_late_expiry_notice_still_has_the_whole_record() {
    let server = TestServer::start();
    let created = server.created_by(create_for(60)).await;
    let mut watch = open(&server, watch(&created.code)).await;
    assert_eq!(next(&mut watch).await, created);
    server.clock.advance(Duration::from_secs(60 + 600));
    assert_eq!(next(&mut watch).await, RegistrationCode { state: State::Expired.into(), ..created });
    assert_over(watch).await;
}

#[tokio::test]
async fn a_watch_does_not_expire_before_its_time() {
    let server = TestServer::start();
    let created = server.created_by(create_for(10)).await;
    let mut watch = open(&server, watch(&created.code)).await;
    next(&mut watch).await;
    server.clock.advance(Duration::from_millis(9_999));
    release(&server, &created.code).await;
    assert_eq!(next(&mut watch).await.state(), State::Released);
}

#[tokio::test]
async fn a_watch_with_the_records_id_receives_a_missed_release() {
    let server = TestServer::start();
    let created = server.created_by(create_for(60)).await;
    release(&server, &created.code).await;
    for wait in [0, 59_999] {
        server.clock.advance(Duration::from_millis(wait));
        let mut watch = open(&server, watch_record(&created.code, &created.id)).await;
        let only = next(&mut watch).await;
        assert_eq!(only.state(), State::Released);
        assert_eq!(
            (&only.id, &only.code, &only.requestor_id, &only.environment, only.expire_time),
            (&created.id, &created.code, &created.requestor_id, &created.environment, created.expire_time)
        );
        assert_over(watch).await;
    }
}

#[tokio::test]
async fn a_watch_with_the_records_id_receives_a_missed_expiry() {
    let server = TestServer::start();
    let created = server.created_by(create_for(60)).await;
    server.clock.advance(Duration::from_secs(60));
    let mut watch = open(&server, watch_record(&created.code, &created.id)).await;
    assert_eq!(next(&mut watch).await.state(), State::Expired);
    assert_over(watch).await;
}

#[tokio::test]
async fn a_watch_without_the_records_id_does_not_find_a_finished_code() {
    let server = TestServer::start();
    let released = server.created_by(create_for(60)).await.code;
    let expired = server.created_by(create_for(1)).await.code;
    release(&server, &released).await;
    server.clock.advance(Duration::from_secs(1));
    for code in [released, expired] {
        let answer = server.codes().watch_registration_code(watch(&code)).await;
        refused(answer, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
    }
}

#[tokio::test]
async fn a_watch_with_the_id_of_another_record_is_released_immediately() {
    let server = TestServer::start();
    server.randomness.draw_next("BCDFGHJ");
    let before = server.created_by(create_for(60)).await;
    server.clock.advance(Duration::from_secs(60 + 600));
    server.randomness.draw_next("BCDFGHJ");
    let now = server.created_by(create_for(60)).await;
    assert_eq!(before.code, now.code);
    let mut watch = open(&server, watch_record(&before.code, &before.id)).await;
    let only = next(&mut watch).await;
    assert_eq!((only.state(), only.id), (State::Released, before.id));
    assert_eq!(only.device_id, "", "the watch reveals nothing about the other record");
    assert_over(watch).await;
}

#[tokio::test]
async fn a_watch_with_the_id_of_the_live_record_follows_it() {
    let server = TestServer::start();
    let created = server.created().await;
    let mut watch = open(&server, watch_record(&created.code, &created.id)).await;
    assert_eq!(next(&mut watch).await, created);
}

#[tokio::test]
async fn a_purged_code_is_not_found_even_with_its_id() {
    let server = TestServer::start();
    let created = server.created_by(create_for(60)).await;
    server.clock.advance(Duration::from_secs(60 + 600));
    let answer = server.codes().watch_registration_code(watch_record(&created.code, &created.id)).await;
    refused(answer, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
}

#[tokio::test]
async fn an_unknown_or_foreign_code_cannot_be_watched() {
    let server = TestServer::start();
    let foreign = server
        .created_by(CreateRegistrationCodeRequest { requestor_id: "OTHER".to_owned(), ..create() })
        .await;
    for request in [watch("BCDFGHJ"), watch(&foreign.code), watch_record(&foreign.code, &foreign.id)] {
        let answer = server.codes().watch_registration_code(request).await;
        refused(answer, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
    }
}

#[tokio::test]
async fn a_watch_accepts_the_code_as_typed() {
    let server = TestServer::start();
    let created = server.created().await;
    let typed = format!(" {}-{} ", &created.code[..3], &created.code[3..]).to_lowercase();
    let mut watch = open(&server, watch(&typed)).await;
    assert_eq!(next(&mut watch).await, created);
}

#[tokio::test]
async fn every_watcher_of_a_code_is_notified_of_its_end() {
    let server = TestServer::start();
    let code = server.created().await.code;
    let mut watches = Vec::new();
    for _ in 0..5 {
        let mut watch = open(&server, watch(&code)).await;
        assert_eq!(next(&mut watch).await.state(), State::Pending);
        watches.push(watch);
    }
    release(&server, &code).await;
    for mut watch in watches {
        assert_eq!(next(&mut watch).await.state(), State::Released);
        assert_over(watch).await;
    }
}

#[tokio::test]
async fn the_end_of_one_code_does_not_notify_watchers_of_another() {
    let server = TestServer::start();
    let (one, two) = (server.created().await.code, server.created().await.code);
    let mut watch_one = open(&server, watch(&one)).await;
    next(&mut watch_one).await;
    release(&server, &two).await;
    release(&server, &one).await;
    assert_eq!(next(&mut watch_one).await.code, one);
}

#[tokio::test]
async fn a_watcher_that_does_not_read_delays_no_other_watcher() {
    let server = TestServer::start();
    let code = server.created().await.code;
    // A window of 16 bytes is less than a message, so the server cannot send the first one completely.
    let mut slow = RawChannel::with_window(server.address(), 16).await.codes();
    let mut slow = slow.watch_registration_code(watch(&code)).await.expect("watches").into_inner();
    let mut quick = open(&server, watch(&code)).await;
    assert_eq!(next(&mut quick).await.state(), State::Pending);
    release(&server, &code).await;
    assert_eq!(next(&mut quick).await.state(), State::Released);
    server.created().await;
    // The last message it reads is the final state, whatever it missed.
    let mut last = State::Unspecified;
    while let Some(message) = slow.message().await.expect("answers") {
        last = message.registration_code.expect("a code").state();
    }
    assert_eq!(last, State::Released);
}

#[tokio::test]
async fn an_id_that_is_not_a_uuid_is_refused() {
    let server = TestServer::start();
    let code = server.created().await.code;
    let answer = server.codes().watch_registration_code(watch_record(&code, "mine")).await;
    assert_eq!(violated(answer), ["id"]);
}
