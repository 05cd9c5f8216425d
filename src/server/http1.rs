//! HTTP/1.1 connections, from the first byte to the last.

use std::{pin::pin, time::Duration};

use http::{HeaderValue, Response, header::CONNECTION};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tower::ServiceExt;

use super::{
    Shutdown,
    raw_query::RawQuery,
    service::{ConnectionBody, ConnectionService},
    timed_writes::TimedWrites,
};

/// The most bytes that a request's line and headers may have; over it hyper answers 431.
const HEAD_MAX: usize = 32 * 1024;

/// How long a client of an inner listener may take to say what it wants, and to take the answer.
const INNER_TIMEOUT: Duration = Duration::from_secs(10);

/// The limits of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Http1Options {
    /// How long it may idle, and a client may take to send the head of a request.
    pub idle_timeout: Duration,
}

/// Serves a connection until the client leaves or idles for too long, or the server drains and its call has ended or is
/// cut.
pub(super) async fn serve<I, S, B>(stream: I, service: S, options: Http1Options, shutdown: Shutdown)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: ConnectionService<B>,
    B: ConnectionBody,
{
    let stream = RawQuery::new(stream);
    let is_mended = stream.is_mended();
    let service = service.map_response(move |mut response: Response<B>| {
        if is_mended.get() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    });
    let connection = builder(options.idle_timeout)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.drain.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = shutdown.cut.cancelled() => return,
            }
        }
    };
    if let Err(error) = ended {
        // Clients that go away in the middle are everyday life.
        tracing::debug!(%error, "a connection ended with an error");
    }
}

/// Serves the one call of a connection to a listener that is for operators alone.
pub(crate) async fn serve_inner<I, S, B>(stream: I, service: S)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: ConnectionService<B>,
    B: ConnectionBody,
{
    let stream = TokioIo::new(TimedWrites::new(stream, INNER_TIMEOUT, |_| ()));
    // One call each: who keeps a connection would hold up the server's end.
    let connection =
        builder(INNER_TIMEOUT).keep_alive(false).serve_connection(stream, TowerToHyperService::new(service));
    // Whoever broke it off does not want to know.
    let _ = connection.await;
}

fn builder(head_timeout: Duration) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(head_timeout).max_buf_size(HEAD_MAX);
    builder
}
