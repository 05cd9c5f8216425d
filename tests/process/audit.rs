//! Entries of the audit log about operators' actions and rejected ones.

use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
};

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    client::{command, command_for, printed},
    support::{http::call, server_process::Program},
};

fn entries(data: &Path, event: &str) -> Vec<Value> {
    let log = fs::read_to_string(data.join("audit.log")).expect("readable");
    let entries = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    entries.filter(|entry| entry["event"] == event).collect()
}

/// Returns the caller, the channel and the outcome of an entry.
fn summary(entry: &Value) -> (&str, &str, &str) {
    assert_eq!(entry["v"], 1, "{entry}");
    let text = |key: &str| entry[key].as_str().unwrap_or_default();
    (text("caller"), text("face"), text("result"))
}

fn user() -> String {
    format!("uid {}", rustix::process::getuid().as_raw())
}

#[test]
fn every_minted_or_refused_statement_is_audited_without_the_statement() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let without = printed(command(data, &["statement", "--requestor", "REF"]));
    let _server = Program::server(data).start();
    let with = printed(command(data, &["statement", "--requestor", "REF", "--client-name", "TV app"]));
    command(data, &["statement", "--requestor", "a b"]).failure();
    let log = fs::read_to_string(data.join("audit.log")).expect("readable");
    assert!(!log.contains(&with) && !log.contains(&without), "{log}");
    let entries = entries(data, "statement_minted");
    assert_eq!(
        entries.iter().map(summary).collect::<Vec<_>>(),
        [
            (user().as_str(), "command", ""),
            (user().as_str(), "admin", ""),
            (user().as_str(), "admin", "refused"),
        ]
    );
    assert_eq!((&entries[1]["client_name"], &entries[1]["requestors"][0]), (&"TV app".into(), &"REF".into()));
    assert_eq!(entries[1]["statement"].as_str().expect("an id").len(), 36);
    assert!(entries[2]["reason"].as_str().expect("a reason").contains("requestor"), "{}", entries[2]);
}

#[test]
fn every_revocation_is_audited_with_its_subject() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let _server = Program::server(data).start();
    let statement = printed(command(data, &["statement", "--requestor", "REF"]));
    let client = "2f1c5a52-7a5c-4f0e-9a43-0e1d5c9b7a11";
    printed(command(data, &["revoke", "--statement", &statement]));
    printed(command(data, &["revoke", "--client", client]));
    printed(command(data, &["revoke", "--issued-before", "2026-01-31T12:00:00Z"]));
    command(data, &["revoke", "--client", "nobody"]).failure();
    let minted = entries(data, "statement_minted");
    let entries = entries(data, "revoked");
    assert_eq!((&entries[0]["revoked"], &entries[0]["id"]), (&"statement".into(), &minted[0]["statement"]));
    assert_eq!((&entries[1]["revoked"], &entries[1]["id"]), (&"client".into(), &client.into()));
    assert_eq!(entries[2]["issued_before"], 1_769_860_800_000_u64);
    assert_eq!(summary(&entries[3]), (user().as_str(), "admin", "refused"));
    assert_eq!(entries.len(), 4);
}

#[test]
fn doctor_runs_are_audited_and_schedule_listings_are_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let _server = Program::server(data).start();
    printed(command(data, &["doctor"]));
    command(data, &["doctor", "--environment", "nowhere"]).failure();
    printed(command(data, &["temp-pass", "schedules"]));
    let entries = entries(data, "upstream_examined");
    assert_eq!(entries.iter().map(|entry| summary(entry).2).collect::<Vec<_>>(), ["", "refused"]);
    assert_eq!(entries[1]["environment"], "nowhere");
    let log = fs::read_to_string(data.join("audit.log")).expect("readable");
    assert_eq!(log.lines().count(), 2, "{log}");
}

#[test]
fn every_reload_is_audited_including_rejected_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, file) = (folder.path().join("data"), folder.path().join("passbridge.toml"));
    fs::write(&file, "[environments.default]\n").expect("writes");
    let mut server = Program::server(&data).argument("--config").argument(&file).start();
    server.signal(Signal::HUP);
    server.wait_for_line("configuration reloaded");
    fs::write(&file, "[environments.default]\nbackend = \"v3\"\n").expect("writes");
    server.signal(Signal::HUP);
    server.wait_for_line("configuration reload rejected");
    let entries = entries(&data, "configuration_reloaded");
    let summaries: Vec<_> = entries.iter().map(summary).collect();
    assert_eq!(summaries, [("signal", "signal", ""), ("signal", "signal", "refused")]);
    assert!(entries[1]["reason"].as_str().expect("a reason").contains("backend"), "{}", entries[1]);
}

#[tokio::test]
async fn a_rejected_rest_reset_is_audited() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(folder.path()).start();
    let token = printed(command_for(&server, folder.path(), &["token"]));
    let path = "/reset-tempass/v3/reset?device_id=living-room&requestor_id=REF&mvpd_id=TempPass";
    let reset = call(server.rest, "DELETE", path).header("authorization", format!("Bearer {token}"));
    let answer = reset.send().await;
    assert_eq!(answer.status, 403, "{answer:?}");
    let entries = entries(folder.path(), "temp_pass_reset");
    let (caller, face, result) = summary(&entries[0]);
    assert_eq!((caller.starts_with("client "), face, result), (true, "rest", "refused"));
    assert!(entries[0]["reason"].as_str().expect("a reason").contains("temp_passes.reset"), "{}", entries[0]);
    assert!(!entries[0].to_string().contains("living-room"), "{}", entries[0]);
}

#[test]
fn a_command_of_another_version_gets_a_clear_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let _server = Program::server(folder.path()).start();
    for path in ["/", "/v2/statements"] {
        let mut stream = UnixStream::connect(folder.path().join("admin.sock")).expect("connects");
        let request = format!("POST {path} HTTP/1.1\r\nHost: server\r\nContent-Length: 2\r\n\r\n{{}}");
        stream.write_all(request.as_bytes()).expect("writes");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answers");
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        assert!(
            answer.contains(&format!(
                "passbridge {} does not have the command {path}",
                env!("CARGO_PKG_VERSION")
            )),
            "{answer}"
        );
    }
}
