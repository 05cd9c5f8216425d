//! Serves an HTTP/2 connection.

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use hyper::server::conn::http2;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tower::ServiceExt;

use super::{
    Shutdown,
    coalesce::CoalescedStream,
    send_backlog::{CountedBody, SendBacklog},
    service::{ConnectionBody, ConnectionService},
};

/// How long a client may take to send the HTTP/2 connection preface.
const PREFACE_TIMEOUT: Duration = Duration::from_secs(20);

/// The length of the preface, in bytes (RFC 9113, section 3.4).
const PREFACE_LENGTH: usize = 24;

/// The maximum size of the headers of a request, in bytes.
const MAX_HEADER_LIST_SIZE: u32 = 32 * 1024;

/// The flow-control windows of a stream and of a connection, in bytes. The HTTP/2 layer closes connections on
/// which too many small frames are queued, and derives the limit from the connection's window. Therefore
/// several streams of small messages, such as the items of a batch, must fit into it with their own windows
/// full.
const STREAM_WINDOW: u32 = 128 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// How many bytes of a response are taken from its body before the client has room for them.
const SEND_BUFFER_MAX: usize = 64 * 1024;

/// The limits of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Http2Options {
    /// The maximum number of concurrent streams on a connection.
    pub max_streams: u32,
    /// How often a keepalive ping is sent on an idle connection.
    pub keepalive_interval: Duration,
    /// How long to wait for the reply to a ping.
    pub keepalive_timeout: Duration,
    /// How long a connection may be without a call.
    pub idle_timeout: Duration,
    /// How long a response may wait for the client to read it.
    pub write_timeout: Duration,
}

/// Serves a connection until the client disconnects, stops reading or is idle for too long, or the server
/// drains and the calls have ended or are cut off.
pub(super) async fn serve<I, S, B>(mut stream: I, service: S, options: Http2Options, shutdown: Shutdown)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: ConnectionService<B>,
    B: ConnectionBody + Unpin,
{
    let Some(preface) = read_preface(&mut stream, &shutdown).await else { return };
    let socket = CoalescedStream::new(stream, preface);
    let backlog = SendBacklog::new(options.write_timeout);
    let counting = backlog.clone();
    let service =
        service.map_response(move |answer| answer.map(|body| CountedBody::new(body, counting.clone())));
    let connection = http2::Builder::new(backlog.clone())
        .timer(TokioTimer::new())
        .max_concurrent_streams(options.max_streams)
        .max_header_list_size(MAX_HEADER_LIST_SIZE)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER_MAX)
        .keep_alive_interval(options.keepalive_interval)
        .keep_alive_timeout(options.keepalive_timeout)
        .serve_connection(TokioIo::new(socket.clone()), TowerToHyperService::new(service));
    let mut connection = pin!(connection);
    let mut overdue = pin!(backlog.overdue());
    let ended = tokio::select! {
        ended = socket.drive(connection.as_mut()) => Some(ended),
        error = &mut overdue => Some(Err(error)),
        () = shutdown.drain.cancelled() => None,
        () = backlog.idle(options.idle_timeout) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = socket.drive(connection.as_mut()) => ended,
                error = overdue => Err(error),
                () = shutdown.cut.cancelled() => return,
            }
        }
    };
    if let Err(error) = ended {
        // Clients often disconnect in the middle of a call.
        tracing::debug!(%error, "connection ended with an error");
    }
}

/// The first bytes of the client, if they arrive in time. hyper would wait for the preface without a limit,
/// so it is read here first. hyper checks it.
async fn read_preface(stream: &mut (impl AsyncRead + Unpin), shutdown: &Shutdown) -> Option<Bytes> {
    let mut preface = [0; PREFACE_LENGTH];
    tokio::select! {
        read = tokio::time::timeout(PREFACE_TIMEOUT, stream.read_exact(&mut preface)) => read.ok()?.ok()?,
        () = shutdown.drain.cancelled() => return None,
    };
    Some(Bytes::copy_from_slice(&preface))
}
