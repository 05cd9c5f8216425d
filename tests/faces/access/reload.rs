//! A reload removes callers and permissions, also for calls in progress.

use passbridge::{
    config::CallerEntry,
    proto::v1::{
        BatchResetTempPassRequest, batch_reset_temp_pass_request::Item, reset_temp_pass_request::Target,
    },
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::{
    grpc::temp_pass::reset,
    support::{
        caller::{caller, list, token_of, with_token},
        request::{create, watch},
        status::refused,
        test_server::TestServer,
    },
};

fn server(callers: impl IntoIterator<Item = CallerEntry>) -> TestServer {
    TestServer::configured(|config| list(config, callers))
}

const WATCHER: &str = "watcher";
const STAYING: &str = "staying";

fn watcher() -> CallerEntry {
    caller(WATCHER, &["codes.create", "codes.read"])
}

fn staying() -> CallerEntry {
    caller(STAYING, &["codes.create", "codes.read"])
}

#[tokio::test]
async fn a_caller_removed_by_a_reload_is_refused_and_its_watches_end() {
    let without_read = || caller(WATCHER, &["codes.create"]);
    let of_another = || CallerEntry { requestors: vec!["OTHER".to_owned()], ..watcher() };
    for (left, code, reason) in [
        (vec![staying()], Code::Unauthenticated, "CALLER_NOT_AUTHENTICATED"),
        (vec![staying(), without_read()], Code::PermissionDenied, "PERMISSION_MISSING"),
        (vec![staying(), of_another()], Code::PermissionDenied, "PERMISSION_MISSING"),
    ] {
        let server = server([watcher(), staying()]);
        let request = with_token(&token_of(WATCHER), create());
        let created = server.codes().create_registration_code(request).await.expect("creates").into_inner();
        let typed = created.registration_code.expect("has a code").code;
        let mut watches = Vec::new();
        for name in [WATCHER, STAYING] {
            let request = with_token(&token_of(name), watch(&typed));
            let answers = server.codes().watch_registration_code(request).await.expect("watches");
            let mut answers = answers.into_inner();
            answers.message().await.expect("answers").expect("the current state");
            watches.push(answers);
        }
        let [mut lost, mut kept] = <[_; 2]>::try_from(watches).expect("two");

        server.reload(|config| config.callers = left).expect("accepted");
        refused(lost.message().await, code, reason);
        let request = with_token(&token_of(WATCHER), watch(&typed));
        refused(server.codes().watch_registration_code(request).await, code, reason);

        // The other watch continues and is notified.
        server.clock.advance(std::time::Duration::from_secs(1_800));
        kept.message().await.expect("answers").expect("the code has expired");
        assert_eq!(kept.message().await.expect("ends with OK"), None);
    }
}

#[tokio::test]
async fn an_open_batch_stops_when_its_caller_loses_the_permission() {
    let server = server([caller("support", &["temp_passes.reset"])]);
    let (send, items) = mpsc::channel(1);
    let item = || BatchResetTempPassRequest {
        item_id: String::new(),
        item: Some(Item::TempPass(reset(Target::DeviceId("device".to_owned())))),
    };
    send.send(item()).await.expect("starts");
    let request = with_token(&token_of("support"), ReceiverStream::new(items));
    let mut answers = server.temp_passes().batch_reset_temp_pass(request).await.expect("starts").into_inner();
    let mut next = async || answers.message().await.expect("answers").expect("an answer").status;
    assert_eq!(next().await.expect("has a status").code, 0);
    server.reload(|config| config.callers.clear()).expect("accepted");
    send.send(item()).await.expect("continues");
    assert_eq!(next().await.expect("has a status").code, i32::from(Code::Unauthenticated));
}

#[tokio::test]
async fn an_invalid_reload_changes_nothing_and_names_the_wrong_entry() {
    let server = server([watcher()]);
    let error = server.reload(|config| {
        config.callers.insert(0, CallerEntry { token_hash: Some("pb_token".to_owned()), ..staying() });
        config.callers[1].permissions.push("codes.watch".to_owned());
    });
    let error = error.expect_err("is refused").to_string();
    for expected in
        ["callers[0].token_hash: ", "callers[1].permissions: must be a permission, but is \"codes.watch\""]
    {
        assert!(error.contains(expected), "{error}");
    }
    let request = with_token(&token_of(WATCHER), create());
    server.codes().create_registration_code(request).await.expect("as before");
    let request = with_token(&token_of(STAYING), create());
    refused(
        server.codes().create_registration_code(request).await,
        Code::Unauthenticated,
        "CALLER_NOT_AUTHENTICATED",
    );
}

#[tokio::test]
async fn a_token_is_replaced_without_downtime() {
    let renamed = |token: &str| CallerEntry { name: "player".to_owned(), ..caller(token, &["codes.create"]) };
    let server = server([renamed("old")]);
    let create = async |token: &str| {
        server.codes().create_registration_code(with_token(&token_of(token), create())).await.map(drop)
    };
    create("old").await.expect("creates");
    server.reload(|config| config.callers.push(renamed("new"))).expect("accepted");
    create("old").await.expect("creates");
    create("new").await.expect("creates");
    server.reload(|config| config.callers = vec![renamed("new")]).expect("accepted");
    refused(create("old").await, Code::Unauthenticated, "CALLER_NOT_AUTHENTICATED");
    create("new").await.expect("creates");
}
