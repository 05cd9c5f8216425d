//! Connections over streams that are not sockets, as TLS streams are.

use std::{convert::Infallible, error::Error, io, time::Duration};

use h2::Reason;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::{
    body::{Bytes, Frame, Incoming},
    client::conn::http2::SendRequest,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
};

use super::{
    ConnectionBody, ConnectionService, Http1Options, Http2Options, Shutdown, http1, http2,
    timed_writes::TimedWrites,
};

/// The HTTP/2 connection preface (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn teapot() -> impl ConnectionService<Full<Bytes>> {
    tower::service_fn(|_: Request<Incoming>| async {
        let response = Response::builder().status(StatusCode::IM_A_TEAPOT).body(Full::default());
        Ok::<_, Infallible>(response.expect("is a response"))
    })
}

const LIMIT: Duration = Duration::from_secs(10);

fn options() -> Http2Options {
    Http2Options {
        max_streams: 10,
        keepalive_interval: LIMIT,
        keepalive_timeout: LIMIT,
        idle_timeout: 100 * LIMIT,
        write_timeout: LIMIT,
    }
}

fn serve_http2(stream: DuplexStream, shutdown: &Shutdown) {
    tokio::spawn(http2::serve(stream, teapot(), options(), shutdown.clone()));
}

/// A connection to a server that responds with this body, and a client with this initial flow-control window
/// in bytes.
async fn connected_to<B>(body: fn() -> B, window: u32) -> (SendRequest<Empty<Bytes>>, JoinHandle<()>)
where
    B: ConnectionBody<Data = Bytes> + Unpin,
{
    let service =
        tower::service_fn(
            move |_: Request<Incoming>| async move { Ok::<_, Infallible>(Response::new(body())) },
        );
    let (client, server) = duplex(1024 * 1024);
    let served = tokio::spawn(http2::serve(server, service, options(), Shutdown::default()));
    let (sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(window)
        .initial_connection_window_size(100 * 1024 * 1024)
        .handshake(TokioIo::new(client))
        .await
        .expect("the handshake succeeds");
    tokio::spawn(connection);
    (sender, served)
}

/// Whether the response body ends, or fails, without data.
async fn is_given_up(answer: Response<Incoming>) -> bool {
    let read = tokio::time::timeout(2 * LIMIT, answer.into_body().collect()).await;
    read.is_ok_and(|body| body.map_or(true, |body| body.to_bytes().is_empty()))
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
        hyper::client::conn::http1::handshake(TokioIo::new(client)).await.expect("the handshake succeeds");
    tokio::spawn(connection);
    assert_eq!(sender.send_request(request()).await.expect("answers").status(), StatusCode::IM_A_TEAPOT);
}

#[tokio::test]
async fn http2_is_served_over_any_stream() {
    // A preface does not fit into the buffer.
    let (client, server) = duplex(7);
    serve_http2(server, &Shutdown::default());
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(client));
    let (mut sender, connection) = handshake.await.expect("the handshake succeeds");
    tokio::spawn(connection);
    assert_eq!(sender.send_request(request()).await.expect("answers").status(), StatusCode::IM_A_TEAPOT);
}

#[tokio::test(start_paused = true)]
async fn a_client_without_a_preface_times_out() {
    let (mut client, server) = duplex(1024);
    serve_http2(server, &Shutdown::default());
    client.write_all(&PREFACE[..10]).await.expect("writes");
    assert_eq!(client.read(&mut [0; 1]).await.expect("is closed"), 0);
}

#[tokio::test]
async fn a_silent_client_does_not_delay_the_drain() {
    let (mut client, server) = duplex(1024);
    let shutdown = Shutdown::default();
    serve_http2(server, &shutdown);
    shutdown.drain.cancel();
    assert_eq!(client.read(&mut [0; 1]).await.expect("is closed"), 0);
}

#[tokio::test(start_paused = true)]
async fn an_unread_response_is_reset_and_the_connection_stays_open() {
    let (mut sender, served) = connected_to(|| Full::new(Bytes::from_static(b"an answer")), 0).await;
    let untaken = sender.send_request(request()).await.expect("answers");
    assert!(is_given_up(untaken).await);
    sender.send_request(request()).await.expect("answers");
    assert!(!served.is_finished());
}

#[tokio::test(start_paused = true)]
async fn an_unread_response_that_cannot_be_reset_closes_the_connection() {
    // A window of one byte is enough for the whole response to move from hyper to h2.
    let (mut sender, served) = connected_to(|| Full::new(Bytes::from_static(b"an answer")), 1).await;
    let _untaken = sender.send_request(request()).await.expect("answers");
    served.await.expect("is closed");
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_messages_stays_open() {
    type Quiet = futures_util::stream::Pending<Result<Frame<Bytes>, io::Error>>;
    let quiet = || StreamBody::<Quiet>::new(futures_util::stream::pending());
    let (mut sender, served) = connected_to(quiet, 0).await;
    let mut watch = sender.send_request(request()).await.expect("answers").into_body();
    assert!(tokio::time::timeout(1_000 * LIMIT, watch.frame()).await.is_err());
    assert!(!served.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_response_over_the_byte_limit_is_reset_immediately() {
    let large = || Full::new(Bytes::from(vec![0; 3 * 1024 * 1024]));
    let (mut sender, _served) = connected_to(large, 0).await;
    let _first = sender.send_request(request()).await.expect("answers");
    let error = sender.send_request(request()).await.expect_err("is reset");
    let reason = error.source().and_then(|source| source.downcast_ref::<h2::Error>()?.reason());
    assert_eq!(reason, Some(Reason::ENHANCE_YOUR_CALM));
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_gracefully() {
    let (mut sender, served) = connected_to(|| Full::new(Bytes::new()), 100).await;
    sender.send_request(request()).await.expect("answers");
    served.await.expect("is closed");
    assert!(sender.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_disconnected_even_if_goaway_cannot_be_written() {
    let (mut client, server) = duplex(64);
    let server = TimedWrites::new(server, LIMIT, |_| ());
    let served = tokio::spawn(http2::serve(server, teapot(), options(), Shutdown::default()));
    client.write_all(PREFACE).await.expect("writes");
    // Empty SETTINGS frames (RFC 9113, section 6.5), each of which must be acknowledged, until nothing more
    // can be written.
    let mut flood = Box::pin(async { while client.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.is_ok() {} });
    tokio::select! {
        () = &mut flood => {}
        () = tokio::time::sleep(10 * LIMIT) => panic!("it is still served"),
    }
    served.await.expect("is closed");
}
