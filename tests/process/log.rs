//! The log of a running server: the lines that unauthenticated clients can cause, and a reader that blocks.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
};

use crate::support::{
    request::create,
    server_process::{Program, ServerProcess},
};

fn dropped_lines(server: &ServerProcess) -> u64 {
    let (_, metrics) = server.page("/metrics");
    let line = metrics.lines().find_map(|line| line.strip_prefix("passbridge_log_lines_dropped_total "));
    line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("is not in\n{metrics}"))
}

#[tokio::test]
async fn a_blocked_log_pipe_delays_no_call_and_later_reports_dropped_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server =
        Program::server(folder.path()).env("PASSBRIDGE_LOG__FILTER", "info,h2=warn").begin_unread();
    server.wait_until_serving();
    assert_eq!(dropped_lines(&server), 0);
    // From here on the log is not read, and each of these calls logs a line.
    drop(flood_with_ping_answers(server.grpc, 100_000));
    assert!(dropped_lines(&server) > 0);
    server.codes().create_registration_code(create()).await.expect("is served anyway");
    let line = server.wait_for_line("log lines dropped");
    let line: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
    assert!(line["lines"].as_u64() > Some(0), "{line}");
}

/// Sends this many unsolicited ping acknowledgments, and returns when the server has read all of them.
fn flood_with_ping_answers(address: SocketAddr, count: usize) -> TcpStream {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let ping = |flags: u8, content: &[u8; 8]| [&[0, 0, 8, 6, flags, 0, 0, 0, 0], &content[..]].concat();
    let mut stream = TcpStream::connect(address).expect("connects");
    let flood = ping(1, b"nobodyas").repeat(count);
    for bytes in [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &SETTINGS[..], &flood, &ping(0, b"all read")] {
        stream.write_all(bytes).expect("sends");
    }
    let mut read = Vec::new();
    let mut buffer = [0; 1024];
    while !read.windows(8).any(|window| window == b"all read") {
        let length = stream.read(&mut buffer).expect("goes on");
        assert!(length > 0, "the server has closed the connection");
        read.extend_from_slice(&buffer[..length]);
    }
    stream
}

#[tokio::test]
async fn a_flood_of_unsolicited_ping_acks_keeps_the_log_small() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Program::server(folder.path()).start();
    drop(flood_with_ping_answers(server.grpc, 100_000));
    server.codes().create_registration_code(create()).await.expect("others are served");
    assert_eq!(dropped_lines(&server), 0);
    server.terminate().await;
    let log = server.rest_of_log();
    assert!(log.contains("\"stopped\"") && log.len() < 4_096, "{} bytes: {log:.4096}", log.len());
}

#[test]
fn library_events_are_logged_if_the_filter_names_the_library() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Program::server(folder.path()).env("PASSBRIDGE_LOG__FILTER", "info,h2=warn").start();
    drop(flood_with_ping_answers(server.grpc, 1));
    server.wait_for_line("\"target\":\"h2::");
}

#[test]
fn a_failed_start_loses_no_log_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let error = Program::server(folder.path()).env("PASSBRIDGE_OPERATIONS__LISTEN", &address).failure();
    let (warning, reason) = (error.find("store.key_ring is not set"), error.find("passbridge: "));
    assert!(warning.is_some() && warning < reason, "{error}");
}
