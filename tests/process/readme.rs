//! The calls of the README and of the pages for its readers, pasted as they stand: only the address differs.

use std::{fs, path::Path, process::Command};

use crate::{
    document::{self, run},
    support::{
        provider::Provider,
        server_process::{Program, ServerProcess},
    },
};

const UPSTREAM: &str = "docs/upstream.md";
const OPERATIONS: &str = "docs/operations.md";

/// Where the pages have the mock provider.
const PROVIDER: &str = "127.0.0.1:9400";

/// Where the page about operations has a server for other machines.
pub const PRODUCTION: &str = "127.0.0.2:50051";

/// The fenced blocks of shell of a document that hold this call.
fn blocks(document: &str, call: &str) -> Vec<String> {
    fenced(document, "sh", call)
}

/// The fenced blocks of a document in this language that hold this text.
fn fenced(document: &str, language: &str, text: &str) -> Vec<String> {
    let mut blocks = document::blocks(document);
    blocks.retain(|block| block.language == language && block.text.contains(text));
    blocks.into_iter().map(|block| block.text).collect()
}

/// What a block prints when it is pasted, with the addresses of this server in it.
fn paste(block: &str, server: &ServerProcess, data: &Path) -> String {
    let script = program(block)
        .replace("127.0.0.1:50051", &server.grpc.to_string())
        .replace("127.0.0.1:8080", &server.rest.to_string());
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .env("PASSBRIDGE_STORE__PATH", data)
        .env("PASSBRIDGE_REST__LISTEN", server.rest.to_string())
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\nin\n{block}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_calls_of_the_readme_work_when_pasted_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(folder.path()).start();
    let mut calls = fenced("README.md", "sh", "");
    calls.retain(|block| !block.contains("cargo run") && !block.contains("tests/run"));
    assert_eq!(calls.len(), 3);
    let answer = paste(&calls.concat(), &server, folder.path());
    for part in ["{\"id\":", "\"code\":", "\"resetCount\": \"0\""] {
        assert!(answer.contains(part), "{part}: {answer}");
    }
}

#[tokio::test]
async fn the_page_about_upstreams_works_as_pasted() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().expect("a folder"));
    let [table] = &fenced(UPSTREAM, "toml", PROVIDER)[..] else { panic!("the page has one such table") };
    let file = folder.path().join("upstream.toml");
    fs::write(&file, table.replace(PROVIDER, &provider.address().to_string())).expect("writes");
    let [start, calls] = &blocks(UPSTREAM, "upstream.toml")[..] else {
        panic!("the page has two blocks with upstream.toml")
    };
    let (statement, serve) = start.trim_end().split_once('\n').expect("two lines");
    assert_eq!(serve, "./target/release/passbridge serve --config upstream.toml");
    run(folder.path(), statement);
    let server = Program::new(&["serve", "--config", "upstream.toml"])
        .in_folder(folder.path())
        .env("PASSBRIDGE_GRPC__LISTEN", "127.0.0.1:0")
        .env("PASSBRIDGE_REST__LISTEN", "127.0.0.1:0")
        .env("PASSBRIDGE_OPERATIONS__LISTEN", "127.0.0.1:0")
        .env("PASSBRIDGE_STORE__FREE_SPACE_RESERVE", "0")
        .env("PASSBRIDGE_LOG__FORMAT", "json")
        .start();
    let calls = program(calls)
        .replace(PROVIDER, &provider.address().to_string())
        .replace("127.0.0.1:50051", &server.grpc.to_string());
    let said = run(folder.path(), &calls);
    for part in [
        "a code of 7 characters was created",
        "passbridge deleted its record",
        "STATE_PENDING",
        "STATE_RELEASED",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let [explain] = &blocks(UPSTREAM, "passbridge explain")[..] else {
        panic!("the page explains one symptom")
    };
    let said = run(folder.path(), &program(explain));
    assert!(said.contains("forbidden (403)"), "{said}");
}

/// The server of the section about production, with all that its preparation leaves in the folder.
pub fn production_server(folder: &Path) -> ServerProcess {
    let [preparation] = &blocks(OPERATIONS, "> production.toml")[..] else {
        panic!("the page has one such block")
    };
    let (preparation, serve) = preparation.trim_end().rsplit_once('\n').expect("several lines");
    assert_eq!(serve, "./target/release/passbridge serve --config production.toml");
    run(folder, &program(preparation));
    Program::new(&["serve", "--config", "production.toml"])
        .in_folder(folder)
        .env("PASSBRIDGE_GRPC__LISTEN", "127.0.0.2:0")
        .env("PASSBRIDGE_REST__LISTEN", "127.0.0.2:0")
        .env("PASSBRIDGE_OPERATIONS__LISTEN", "127.0.0.1:0")
        .env("PASSBRIDGE_STORE__FREE_SPACE_RESERVE", "0")
        .env("PASSBRIDGE_LOG__FORMAT", "json")
        .start()
}

/// A block with the program of these tests in the place of a release.
fn program(block: &str) -> String {
    block.replace("./target/release/passbridge", env!("CARGO_BIN_EXE_passbridge"))
}

#[test]
fn the_production_section_works_as_pasted() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = production_server(folder.path());
    let [calls] = &blocks(OPERATIONS, &format!("{PRODUCTION} "))[..] else {
        panic!("the page has one block of calls")
    };
    let said = run(folder.path(), &program(calls).replace(PRODUCTION, &server.grpc.to_string()));
    assert!(said.contains("\"state\": \"STATE_PENDING\""), "{said}");
    let said = run(folder.path(), &program("./target/release/passbridge doctor --config production.toml"));
    for part in ["gRPC", "entries: 2 (1 by certificate, 0 by JWT, 1 by token)", "certificate valid", "REST"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
