//! Serves an HTTP/1.1 connection.

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

/// The maximum size of the request line and headers, in bytes. hyper responds to more with 431.
const HEAD_MAX: usize = 32 * 1024;

/// How long a client of an internal listener may take to send its request, and to read the response.
const INNER_TIMEOUT: Duration = Duration::from_secs(10);

/// The limits of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Http1Options {
    /// How long the connection may be idle, and how long a client may take to send the headers of a request.
    pub idle_timeout: Duration,
}

/// Serves a connection until the client disconnects, it is idle for too long, or the server drains and the
/// current call has ended or is cut off.
pub(super) async fn serve<I, S, B>(stream: I, service: S, options: Http1Options, shutdown: Shutdown)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: ConnectionService<B>,
    B: ConnectionBody,
{
    let stream = RawQuery::new(stream);
    let is_rewritten = stream.is_rewritten();
    let service = service.map_response(move |mut response: Response<B>| {
        if is_rewritten.get() {
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
        // Clients often disconnect in the middle of a call.
        tracing::debug!(%error, "connection ended with an error");
    }
}

/// Serves the only call of a connection to a listener for operators.
pub(crate) async fn serve_inner<I, S, B>(stream: I, service: S)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: ConnectionService<B>,
    B: ConnectionBody,
{
    let stream = TokioIo::new(TimedWrites::new(stream, INNER_TIMEOUT, |_| ()));
    // Without keep-alive: an open connection would delay the shutdown.
    let connection =
        builder(INNER_TIMEOUT).keep_alive(false).serve_connection(stream, TowerToHyperService::new(service));
    // An error has no recipient.
    let _ = connection.await;
}

fn builder(head_timeout: Duration) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(head_timeout).max_buf_size(HEAD_MAX);
    builder
}
