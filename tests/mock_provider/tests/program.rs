//! The mock provider as a program.

#![forbid(unsafe_code)]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/upstream.md");

/// The address on the page.
const ADDRESS: &str = "127.0.0.1:9400";

#[test]
fn the_detached_mock_provider_serves_without_a_terminal() {
    let text = fs::read_to_string(PAGE).expect("readable");
    let mut starts =
        text.lines().filter_map(|line| line.strip_prefix("cargo run --release --bin mock-provider -- "));
    let arguments = starts.next().expect("the page starts the mock provider").replace(ADDRESS, "127.0.0.1:0");
    assert_eq!(starts.next(), None, "the page starts the mock provider once");
    let mut provider = Command::new(env!("CARGO_BIN_EXE_mock-provider"))
        .args(arguments.split(' '))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut line = String::new();
    BufReader::new(provider.stdout.take().expect("piped")).read_line(&mut line).expect("readable");
    let address = line.trim().strip_prefix("listening on ").expect("prints its address");
    // Enough calls for the program to detect the end of its standard input meanwhile.
    let answers: Vec<_> = (0..20).map(|_| ask(address)).collect();
    let ended = provider.try_wait().expect("has a status");
    provider.kill().expect("can be killed");
    provider.wait().expect("ends");
    assert_eq!(ended, None, "it still runs");
    for answer in answers {
        assert!(answer.starts_with("HTTP/1.1 "), "{answer:?}");
    }
}

fn ask(address: &str) -> String {
    let mut answer = String::new();
    let result = TcpStream::connect(address).and_then(|mut stream| {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: provider\r\nConnection: close\r\n\r\n")?;
        stream.read_to_string(&mut answer)
    });
    result.map(|_| answer).unwrap_or_else(|error| error.to_string())
}
