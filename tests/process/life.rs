//! The life of a server: signals, restarts, reloads.

use std::fs;

use passbridge::proto::v1::{
    CreateRegistrationCodeRequest, WatchRegistrationCodeRequest, registration_code::State,
};
use rustix::process::Signal;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::support::{
    request::{REQUESTOR, create, delete, get, watch},
    server_process::{Program, until},
    status::{refused, violated},
};

#[tokio::test]
async fn codes_and_tombstones_survive_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Program::server(folder.path()).start();
    let mut codes = server.codes();
    let kept = codes.create_registration_code(create()).await.expect("creates").into_inner();
    let kept = kept.registration_code.expect("a code");
    let released = codes.create_registration_code(create()).await.expect("creates").into_inner();
    let released = released.registration_code.expect("a code");
    codes.delete_registration_code(delete(&released.code)).await.expect("deletes");
    assert_eq!(server.terminate().await.code(), Some(0));

    let server = Program::server(folder.path()).start();
    let mut codes = server.codes();
    let read = codes.get_registration_code(get(&kept.code)).await.expect("reads").into_inner();
    assert_eq!(read.registration_code, Some(kept));
    let request = WatchRegistrationCodeRequest {
        requestor_id: REQUESTOR.to_owned(),
        code: released.code,
        id: Some(released.id),
        ..WatchRegistrationCodeRequest::default()
    };
    let mut watch = codes.watch_registration_code(request).await.expect("watches").into_inner();
    let only = watch.message().await.expect("answers").expect("a state");
    assert_eq!(only.registration_code.expect("a code").state(), State::Released);
}

#[tokio::test]
async fn a_partial_request_to_the_operations_listener_does_not_delay_shutdown() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Program::server(folder.path()).start();
    let mut stream = std::net::TcpStream::connect(server.operations).expect("connects");
    std::io::Write::write_all(&mut stream, b"GET /livez HT").expect("sends");
    assert_eq!(server.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn a_request_id_is_recognized_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let request = CreateRegistrationCodeRequest {
        request_id: "f81d4fae-7dec-41d0-a765-00a0c91e6bf6".to_owned(),
        ..create()
    };
    let mut server = Program::server(folder.path()).start();
    let first = server.codes().create_registration_code(request.clone()).await.expect("creates");
    server.terminate().await;
    let server = Program::server(folder.path()).start();
    let again = server.codes().create_registration_code(request).await.expect("creates");
    assert_eq!(again.into_inner(), first.into_inner());
}

#[tokio::test]
async fn a_terminated_server_reports_not_serving_ends_watches_and_exits_with_success() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Program::server(folder.path()).start();
    let created = server.codes().create_registration_code(create()).await.expect("creates").into_inner();
    let request = watch(&created.registration_code.expect("a code").code);
    let mut watch = server.codes().watch_registration_code(request).await.expect("watches").into_inner();
    watch.message().await.expect("answers").expect("a state");
    server.signal(Signal::TERM);
    refused(watch.message().await, Code::Unavailable, "SHUTTING_DOWN");
    drop(watch);
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn sigint_terminates_the_server_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Program::server(folder.path()).start();
    server.signal(Signal::INT);
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_draining_server_serves_while_it_reports_not_ready() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(folder.path()).env("PASSBRIDGE_RUNTIME__DRAIN_DELAY", "1h").start();
    let mut health = HealthClient::new(server.channel());
    server.signal(Signal::TERM);
    until("NOT_SERVING", async || {
        let answer = health.check(HealthCheckRequest { service: String::new() }).await.expect("answers");
        answer.into_inner().status() == ServingStatus::NotServing
    })
    .await;
    until("503", async || server.page("/readyz").0 == 503).await;
    assert_eq!(server.page("/livez").0, 200);
    server.codes().create_registration_code(create()).await.expect("creates");
}

fn in_environment(environment: &str, requestor: &str) -> CreateRegistrationCodeRequest {
    CreateRegistrationCodeRequest {
        environment: environment.to_owned(),
        requestor_id: requestor.to_owned(),
        ..create()
    }
}

#[tokio::test]
async fn a_reload_adds_environments_and_requestors() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("passbridge.toml");
    fs::write(&file, "[environments.production.requestors.REF]\n").expect("written");
    let data = folder.path().join("data");
    let mut server = Program::server(&data).argument("--config").argument(&file).start();
    let mut codes = server.codes();
    codes.create_registration_code(in_environment("production", "REF")).await.expect("creates");
    let unknown = codes.create_registration_code(in_environment("staging", "REF")).await;
    assert_eq!(violated(unknown), ["environment"]);

    fs::write(&file, "[environments.production.requestors]\nREF = {}\nNEWS = {}\n[environments.staging]\n")
        .expect("written");
    server.signal(Signal::HUP);
    server.wait_for_line("reloaded");
    codes.create_registration_code(in_environment("staging", "REF")).await.expect("creates");
    codes.create_registration_code(in_environment("production", "NEWS")).await.expect("creates");
}

#[tokio::test]
async fn a_reload_of_an_invalid_file_changes_nothing_and_reports_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("passbridge.toml");
    fs::write(&file, "[environments.production]\n").expect("written");
    let data = folder.path().join("data");
    let mut server = Program::server(&data).argument("--config").argument(&file).start();
    let mut codes = server.codes();
    for broken in [
        "[environments.production\n",
        "[environments.staging]\n[environments.production.requestors.'no spaces']\n",
        "[environments.staging]\n[environmants.production]\n",
        "[environments.staging]\n[codes]\nlength = 3\n",
    ] {
        fs::write(&file, broken).expect("written");
        server.signal(Signal::HUP);
        let line = server.wait_for_line("configuration reload rejected");
        assert!(line.contains("ERROR"), "{line}");
        codes.create_registration_code(in_environment("production", "REF")).await.expect("creates");
        let unknown = codes.create_registration_code(in_environment("staging", "REF")).await;
        assert_eq!(violated(unknown), ["environment"], "{broken}");
    }
}
