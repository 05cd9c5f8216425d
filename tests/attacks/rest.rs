//! Attacks on the REST face over HTTP/1.1.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};

use crate::target::{Faces, PATIENCE};

const CONNECTIONS: usize = 1_000;
const PAUSE: Duration = Duration::from_millis(50);

/// Requests that a proxy and a server could frame differently (RFC 9112, section 11.2).
const SMUGGLED: [(&str, &str); 11] = [
    ("two lengths", "content-length: 4\r\ncontent-length: 5\r\n\r\nAAAA"),
    ("a list of lengths", "content-length: 4, 5\r\n\r\nAAAA"),
    ("a length with a sign", "content-length: +4\r\n\r\nAAAA"),
    ("a length and chunks", "content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("chunks, twice", "transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    ("chunks, not last", "transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    ("a coding other than chunks", "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n"),
    ("a space after a field name", "content-length : 4\r\n\r\nAAAA"),
    ("a folded line", "x-odd: a\r\n content-length: 4\r\n\r\nAAAA"),
    ("a zero byte", "x-odd: a\0b\r\n\r\n"),
    ("a chunk's length that overflows", "transfer-encoding: chunked\r\n\r\n10000000000000000\r\nA"),
];

fn connect(faces: Faces) -> TcpStream {
    let stream = TcpStream::connect(faces.rest).expect("connects");
    stream.set_read_timeout(Some(PATIENCE)).expect("sets the option");
    stream.set_write_timeout(Some(PATIENCE)).expect("sets the option");
    stream
}

/// The status of the response, and whether the server then closed the connection.
fn answer(mut stream: TcpStream) -> (Option<u16>, bool) {
    let mut answer = Vec::new();
    let is_closed = match stream.read_to_end(&mut answer) {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    };
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    (status, is_closed)
}

/// Sends bytes to every connection until the server has closed all of them.
fn trickle(streams: &mut [TcpStream]) {
    while streams.iter_mut().filter_map(|stream| stream.write_all(b"a").ok()).count() > 0 {
        std::thread::sleep(PAUSE);
    }
}

pub fn smuggling(faces: Faces) -> String {
    for (form, request) in SMUGGLED {
        let mut stream = connect(faces);
        let head =
            format!("POST /o/client/token HTTP/1.1\r\nhost: x\r\n{request}GET /smuggled HTTP/1.1\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("accepted");
        assert_eq!(answer(stream), (Some(400), true), "{form}");
    }
    "400, closed".to_owned()
}

pub fn headers_in_drops(faces: Faces) -> String {
    let mut streams: Vec<_> = (0..CONNECTIONS).map(|_| connect(faces)).collect();
    for stream in &mut streams {
        stream.write_all(b"GET /reggie/v1/REF/regcode/ABC HTTP/1.1\r\nhost: x\r\nx-odd: ").expect("accepted");
    }
    trickle(&mut streams);
    format!("{CONNECTIONS} connections: closed")
}

pub fn body_in_drops(faces: Faces) -> String {
    let mut streams: Vec<_> = (0..CONNECTIONS).map(|_| connect(faces)).collect();
    for stream in &mut streams {
        let head = b"POST /o/client/token HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n";
        stream.write_all(head).expect("accepted");
    }
    trickle(&mut streams);
    format!("{CONNECTIONS} connections: 408, closed")
}

pub fn answers_unread(faces: Faces) -> String {
    let mut stream = connect(faces);
    let requests = b"GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
    while stream.write_all(&requests).is_ok() {}
    assert!(answer(stream).1);
    "closed".to_owned()
}

pub fn gzip_bombs(faces: Faces) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; 30_000_000]).expect("compresses");
    let bomb = encoder.finish().expect("compresses");
    for _ in 0..100 {
        let mut stream = connect(faces);
        let head = format!(
            "POST /o/client/register HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-encoding: gzip\r\n\
             content-length: {}\r\n\r\n",
            bomb.len()
        );
        stream.write_all(head.as_bytes()).expect("accepted");
        // The server may already have closed the connection.
        let _ = stream.write_all(&bomb);
        let (status, _) = answer(stream);
        assert_eq!(status, Some(413));
    }
    "413".to_owned()
}
