//! One HTTP/1.1 connection, from its first byte to its last.

use std::{convert::Infallible, net::SocketAddr, net::TcpStream, pin::pin, time::Duration};

use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use tower::Service;

use super::{Shutdown, http2::ConnectionBody};

/// The most bytes that a request's line and headers may have; over it hyper answers 431.
const HEAD_MAX: usize = 32 * 1024;

/// The limits of a connection.
#[derive(Debug, Clone)]
pub struct Http1Options {
    /// How long it may idle, and a client may take to send the head of a request.
    pub idle_timeout: Duration,
}

/// Who is at the other end of the connection that a request came over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// A service that a connection can be served with.
pub trait Http1Service<B>:
    Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send + 'static>
    + Clone
    + Send
    + 'static
{
}

impl<B, S> Http1Service<B> for S where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send + 'static>
        + Clone
        + Send
        + 'static
{
}

/// Serves a connection until the client leaves or idles for too long, or the server drains and its call has ended or is
/// cut.
pub async fn serve<S, B>(
    stream: TcpStream,
    peer: SocketAddr,
    service: S,
    options: Http1Options,
    shutdown: Shutdown,
) where
    S: Http1Service<B>,
    B: ConnectionBody,
{
    let Ok(stream) = tokio::net::TcpStream::from_std(stream) else { return };
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        service.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.idle_timeout)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service);
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
