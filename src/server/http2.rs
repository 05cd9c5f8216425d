//! One HTTP/2 connection, from its first byte to its last.

use std::{net::TcpStream, pin::pin, time::Duration};

use hyper::server::conn::http2;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    service::TowerToHyperService,
};

use super::{
    Shutdown,
    coalesce::Coalesced,
    service::{ConnectionBody, ConnectionService},
};

/// How long a client may take to say that it speaks HTTP/2.
const PREFACE_TIMEOUT: Duration = Duration::from_secs(20);

/// The bytes of that (RFC 9113, section 3.4).
const PREFACE_LENGTH: usize = 24;

/// How long to wait before looking again at a preface that came in pieces, which is rare.
const PREFACE_PAUSE: Duration = Duration::from_millis(20);

/// The most bytes of headers that a request may have.
const MAX_HEADER_LIST_SIZE: u32 = 32 * 1024;

/// How many bytes a stream, and a connection, may send ahead of what is read of it. The HTTP/2 layer closes connections
/// on which too many small frames wait, and derives how many from the connection's window: several streams of small
/// messages, such as a batch's items, must fit into that with what their own windows let through.
const STREAM_WINDOW: u32 = 128 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// The limits of a connection.
#[derive(Debug, Clone)]
pub struct Http2Options {
    /// How many streams a connection may have open at once.
    pub max_streams: u32,
    /// How often an idle client is asked for a sign of life.
    pub keepalive_interval: Duration,
    /// How long it may take to give one.
    pub keepalive_timeout: Duration,
}

/// Serves a connection until the client leaves, or the server drains and its calls have ended or are cut.
pub(super) async fn serve<S, B>(stream: TcpStream, service: S, options: Http2Options, shutdown: Shutdown)
where
    S: ConnectionService<B>,
    B: ConnectionBody,
{
    let Ok(stream) = tokio::net::TcpStream::from_std(stream) else { return };
    if !speaks_in_time(&stream, &shutdown).await {
        return;
    }
    let socket = Coalesced::new(stream);
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(options.max_streams)
        .max_header_list_size(MAX_HEADER_LIST_SIZE)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(options.keepalive_interval)
        .keep_alive_timeout(options.keepalive_timeout)
        .serve_connection(TokioIo::new(socket.clone()), TowerToHyperService::new(service));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = socket.drive(connection.as_mut()) => Some(ended),
        () = shutdown.drain.cancelled() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = socket.drive(connection.as_mut()) => ended,
                () = shutdown.cut.cancelled() => return,
            }
        }
    };
    if let Err(error) = ended {
        // Clients that go away in the middle are everyday life.
        tracing::debug!(%error, "a connection ended with an error");
    }
}

/// Whether the client has begun to speak HTTP/2 before its time is over. hyper waits for the preface for as long as it
/// takes, so it is looked at here first, without taking it from the socket.
async fn speaks_in_time(stream: &tokio::net::TcpStream, shutdown: &Shutdown) -> bool {
    tokio::select! {
        speaks = tokio::time::timeout(PREFACE_TIMEOUT, speaks(stream)) => speaks.unwrap_or(false),
        () = shutdown.drain.cancelled() => false,
    }
}

async fn speaks(stream: &tokio::net::TcpStream) -> bool {
    let mut preface = [0; PREFACE_LENGTH];
    loop {
        match stream.peek(&mut preface).await {
            // Whether it is the preface is hyper's to say.
            Ok(PREFACE_LENGTH) => return true,
            Ok(0) | Err(_) => return false,
            // A socket with some bytes is readable all the time: there is nothing to wait for but time.
            Ok(_) => tokio::time::sleep(PREFACE_PAUSE).await,
        }
    }
}
