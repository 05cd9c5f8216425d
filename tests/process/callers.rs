//! Callers of gRPC as an operator makes and removes them.

use std::{fs, path::Path};

use rustix::process::Signal;
use tonic::{Code, Request};

use crate::{
    client::printed,
    support::{
        caller::with_token,
        request::{create, watch},
        server_process::Program,
        status::refused,
    },
};

const AUTH: &str = "[grpc]\nauth = \"callers\"\n";

/// What `passbridge caller new` prints: the token, and the entry for the configuration.
fn new_caller(name: &str, permissions: &[&str]) -> (String, String) {
    let permissions = permissions.iter().flat_map(|permission| ["--permission", permission]);
    let arguments: Vec<_> =
        ["caller", "new", "--name", name, "--requestor", "REF"].into_iter().chain(permissions).collect();
    let printed = printed(Program::new(&arguments));
    let (token, entry) = printed.split_once("\n\n").expect("a token, and an entry");
    assert!(!entry.contains(token), "{printed}");
    (token.to_owned(), format!("{entry}\n"))
}

fn write(file: &Path, entries: &[&str]) {
    fs::write(file, AUTH.to_owned() + &entries.concat()).expect("written");
}

#[tokio::test]
async fn a_caller_is_made_by_a_command_and_removed_by_a_reload_which_ends_its_watches() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("passbridge.toml");
    let (token, entry) = new_caller("player", &["codes.create", "codes.read"]);
    let (_, other) = new_caller("other", &["codes.create"]);
    write(&file, &[&entry, &other]);
    let data = folder.path().join("data");
    let mut server = Program::server(&data).argument("--config").argument(&file).start();

    let created = server.codes().create_registration_code(with_token(&token, create())).await;
    let code = created.expect("creates").into_inner().registration_code.expect("has a code").code;
    let request = with_token(&token, watch(&code));
    let mut answers = server.codes().watch_registration_code(request).await.expect("watches").into_inner();
    answers.message().await.expect("answers").expect("the present state");
    let stranger = server.codes().create_registration_code(Request::new(create())).await;
    refused(stranger, Code::Unauthenticated, "CALLER_NOT_AUTHENTICATED");

    // A configuration that is wrong changes nothing.
    write(&file, &[&other, "[[callers]]\nname = \"third\"\ntoken_hash = \"x\"\n"]);
    server.signal(Signal::HUP);
    let line = server.wait_for_line("nothing was reloaded");
    assert!(line.contains("callers[1].token_hash"), "{line}");
    server.codes().create_registration_code(with_token(&token, create())).await.expect("creates");

    write(&file, &[&other]);
    server.signal(Signal::HUP);
    server.wait_for_line("are reloaded");
    refused(answers.message().await, Code::Unauthenticated, "CALLER_NOT_AUTHENTICATED");
    let removed = server.codes().create_registration_code(with_token(&token, create())).await;
    refused(removed, Code::Unauthenticated, "CALLER_NOT_AUTHENTICATED");
}

#[test]
fn an_entry_that_could_not_be_used_is_not_made() {
    let error = Program::new(&["caller", "new", "--name", "a", "--permission", "codes.write"]).failure();
    assert!(
        error.contains("--permission: \"codes.write\" is no permission; there are codes.create"),
        "{error}"
    );
}
