//! Clients that put a resource into the query without encoding: `<rss version="2.0">`.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::support::{
    rest::{DEVICE_INFO, Device},
    test_server::TestServer,
};

/// Sends these bytes and returns everything that the server sends until it closes the connection.
fn exchange(server: &TestServer, request: &str) -> String {
    let mut stream = TcpStream::connect(server.rest_address()).expect("connects");
    stream.write_all(request.as_bytes()).expect("accepted");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the server closes the connection");
    answer
}

/// The statuses of the responses.
fn statuses(answers: &str) -> Vec<&str> {
    answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect()
}

#[tokio::test]
async fn a_raw_query_means_the_same_as_an_encoded_one() {
    let server = TestServer::start();
    let token = Device::of(&server).await.token;
    let id = r#"<rss version="2.0"><channel>A b</channel></rss>"#;
    let answer = exchange(
        &server,
        &format!(
            "POST /reggie/v1/REF/regcode.json?deviceId={id} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
             x-device-info: {DEVICE_INFO}\r\n\r\n"
        ),
    );
    assert_eq!(statuses(&answer), ["201"], "{answer}");
    assert!(answer.contains(&BASE64_STANDARD.encode(id)), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn bytes_after_a_raw_query_are_not_read_as_a_request() {
    let server = TestServer::start();
    let next = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    for (form, framing) in [
        ("pipelined", "\r\n".to_owned()),
        ("in a body", format!("content-length: {}\r\n\r\n", next.len())),
        ("behind a body", "content-length: 4\r\n\r\nAAAA".to_owned()),
        ("in chunks", format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n", next.len())),
    ] {
        let first = format!("POST /nowhere?a=<b c> HTTP/1.1\r\nhost: x\r\n{framing}");
        let answers = exchange(&server, &format!("{first}{next}"));
        assert_eq!(statuses(&answers), ["404"], "{form}: {answers}");
    }
}

#[tokio::test]
async fn an_ambiguous_request_line_is_refused() {
    let server = TestServer::start();
    for line in [
        "GET /nowhere<a>?b=c HTTP/1.1\r\n",
        "GET /now here?a=<b> HTTP/1.1\r\n",
        "GET /nowhere?a=b HTTP/1.1 HTTP/1.1\r\n",
        "GET /nowhere?a=<b> HTTP/1.1 c HTTP/1.1\r\n",
        "GET /nowhere?a=<b>\t HTTP/1.1\r\n",
        "GET /nowhere?a=<b>\0 HTTP/1.1\r\n",
        "GET /nowhere?a=<b>\rhost: y HTTP/1.1\r\n",
        "GET /nowhere?a=<b> HTTP/1.1\n",
        "GET http://x/nowhere?a=<b> HTTP/1.1\r\n",
        "GET /nowhere?a=<b>\r\n",
    ] {
        let answers =
            exchange(&server, &format!("{line}host: x\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"));
        assert_eq!(statuses(&answers), ["400"], "{line:?}: {answers}");
    }
}

#[tokio::test]
async fn only_the_first_request_of_a_connection_is_repaired() {
    let server = TestServer::start();
    let clean = "GET /nowhere?a=%3C HTTP/1.1\r\nhost: x\r\n\r\n";
    let raw = "GET /nowhere?a=<b> HTTP/1.1\r\nhost: x\r\n\r\n";
    let answers = exchange(&server, &format!("{clean}{clean}{raw}{clean}"));
    assert_eq!(statuses(&answers), ["404", "404", "400"], "{answers}");
}
