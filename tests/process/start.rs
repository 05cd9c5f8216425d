//! Errors that prevent the start, which must say what to do.

use std::{fs, net::TcpListener, sync::Arc};

use passbridge::{
    domain::clock::SystemClock,
    store::embedded::{EmbeddedOptions, EmbeddedStore},
};

use crate::support::{
    request::{create, get},
    server_process::Program,
};

#[test]
fn an_unknown_key_in_the_file_suggests_the_nearest_known_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("passbridge.toml");
    fs::write(&file, "[codes]\nlenght = 8\n").expect("written");
    let error = Program::new(&["serve", "--config"]).argument(&file).in_folder(folder.path()).failure();
    assert!(error.contains("codes.lenght") && error.contains("`length`"), "{error}");
    assert!(error.contains(file.to_str().expect("UTF-8")), "{error}");
}

#[test]
fn an_unknown_key_in_a_variable_suggests_the_nearest_known_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = Program::server(folder.path()).env("PASSBRIDGE_CODES__LENGHT", "8").failure();
    assert!(error.contains("codes.lenght") && error.contains("`length`"), "{error}");
}

#[test]
fn a_missing_configuration_file_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("nowhere.toml");
    let error = Program::new(&["serve", "--config"]).argument(&file).in_folder(folder.path()).failure();
    assert!(error.contains(file.to_str().expect("UTF-8")), "{error}");
}

#[test]
fn a_port_in_use_is_named_with_its_configuration_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    for key in ["GRPC", "OPERATIONS"] {
        let variable = format!("PASSBRIDGE_{key}__LISTEN");
        let error = Program::server(&folder.path().join("data")).env(&variable, &address).failure();
        let field = format!("{}.listen", key.to_lowercase());
        assert!(error.contains(&field) && error.contains(&address), "{error}");
    }
}

#[test]
fn more_codes_than_fit_into_memory_are_rejected_with_the_figures() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let serve = Program::server(&data).env("PASSBRIDGE_CODES__LENGTH", "12");
    let error = serve.env("PASSBRIDGE_CODES__MAX_LIVE_CODES", "1000000000000").failure();
    for part in [
        "codes.max_live_codes: must be at most",
        "but is 1000000000000",
        "take 61035157 MiB",
        "MiB available",
    ] {
        assert!(error.contains(part), "{part} is not in:\n{error}");
    }
    assert!(!data.exists(), "nothing was created");
}

#[test]
fn a_data_folder_that_cannot_be_created_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("written");
    // No user can create a folder below a file, whatever the permissions.
    let data = file.join("data");
    let error = Program::server(&data).failure();
    assert!(error.contains("store.path") && error.contains(data.to_str().expect("UTF-8")), "{error}");
}

#[test]
fn a_data_folder_that_is_a_file_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("written");
    let error = Program::server(&file).failure();
    assert!(error.contains("store.path") && error.contains(file.to_str().expect("UTF-8")), "{error}");
    assert_eq!(fs::read(&file).expect("is still there"), b"");
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_does_not_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let first = Program::server(&data).start();
    let code = first.codes().create_registration_code(create()).await.expect("creates").into_inner();

    let error = Program::server(&data).failure();
    assert!(error.contains(data.to_str().expect("UTF-8")) && error.contains("in use"), "{error}");

    let code = code.registration_code.expect("a code").code;
    first.codes().get_registration_code(get(&code)).await.expect("reads");
    first.codes().create_registration_code(create()).await.expect("creates");
}

#[tokio::test]
async fn a_server_waits_briefly_for_a_command_that_has_its_folder_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let options = EmbeddedOptions::new(&data, Arc::new(SystemClock));
    let command = EmbeddedStore::open(options).expect("opens");
    let mut server = Program::server(&data).begin();
    server.wait_for_line("waiting for the data folder");
    command.ports().health.close().await.expect("closes");
    drop(command);
    server.wait_until_serving();
    server.codes().create_registration_code(create()).await.expect("creates");
}

#[test]
fn a_server_without_authentication_listens_on_loopback_only() {
    let folder = tempfile::tempdir().expect("a folder");
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:50051"] {
        let data = folder.path().join("data");
        let error = Program::server(&data).env("PASSBRIDGE_GRPC__LISTEN", address).failure();
        assert!(error.contains("grpc.listen") && error.contains("127.0.0.1"), "{error}");
        assert!(!data.exists(), "a server that does not start leaves nothing behind");
    }
}

#[test]
fn an_unknown_sampler_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = Program::server(folder.path())
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
        .env("OTEL_TRACES_SAMPLER", "sometimes")
        .failure();
    assert!(error.contains("OTEL_TRACES_SAMPLER") && error.contains("always_on"), "{error}");
}
