//! Connections over streams that are no sockets, as one that encrypts would be.

use std::{convert::Infallible, time::Duration};

use http::{Request, Response, StatusCode};
use http_body_util::{Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::{ConnectionService, Http1Options, Http2Options, Shutdown, http1, http2};

/// The bytes with which a client of HTTP/2 begins (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn teapot() -> impl ConnectionService<Full<Bytes>> {
    tower::service_fn(|_: Request<Incoming>| async {
        let response = Response::builder().status(StatusCode::IM_A_TEAPOT).body(Full::default());
        Ok::<_, Infallible>(response.expect("is a response"))
    })
}

fn serve_http2(stream: DuplexStream, shutdown: &Shutdown) {
    let limits = Duration::from_secs(10);
    let options = Http2Options { max_streams: 1, keepalive_interval: limits, keepalive_timeout: limits };
    tokio::spawn(http2::serve(stream, teapot(), options, shutdown.clone()));
}

fn request() -> Request<Empty<Bytes>> {
    Request::get("http://server/").body(Empty::new()).expect("is a request")
}

#[tokio::test]
async fn http1_is_served_over_any_stream() {
    let (client, server) = duplex(1024);
    let options = Http1Options { idle_timeout: Duration::from_secs(10) };
    tokio::spawn(http1::serve(server, teapot(), options, Shutdown::default()));
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(client)).await.expect("begins");
    tokio::spawn(connection);
    assert_eq!(sender.send_request(request()).await.expect("answers").status(), StatusCode::IM_A_TEAPOT);
}

#[tokio::test]
async fn http2_is_served_over_any_stream() {
    // Less than a preface fits in it.
    let (client, server) = duplex(7);
    serve_http2(server, &Shutdown::default());
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(client));
    let (mut sender, connection) = handshake.await.expect("begins");
    tokio::spawn(connection);
    assert_eq!(sender.send_request(request()).await.expect("answers").status(), StatusCode::IM_A_TEAPOT);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_say_that_it_speaks_http2_is_given_up() {
    let (mut client, server) = duplex(1024);
    serve_http2(server, &Shutdown::default());
    client.write_all(&PREFACE[..10]).await.expect("takes it");
    assert_eq!(client.read(&mut [0; 1]).await.expect("ends in order"), 0);
}

#[tokio::test]
async fn who_has_said_nothing_yet_does_not_hold_up_the_end_of_the_server() {
    let (mut client, server) = duplex(1024);
    let shutdown = Shutdown::default();
    serve_http2(server, &shutdown);
    shutdown.drain.cancel();
    assert_eq!(client.read(&mut [0; 1]).await.expect("ends in order"), 0);
}
