//! Listeners, and the threads that serve their connections.
//!
//! Every processor has one thread with a runtime of its own, and a connection stays on the thread that it was
//! given to: nothing about a call crosses threads but its write to the store. What must outlive its connection, such
//! as a create with a `request_id`, goes on there as a detached task. That costs a fraction of what a work-stealing
//! runtime does for calls this short.

mod accept;
mod bind;
mod coalesce;
mod http1;
mod http2;
mod pool;
mod service;

pub use accept::{Accepted, Acceptor};
pub use bind::{BindError, bind};
pub use http1::{Http1Options, Peer, serve_inner};
pub use http2::Http2Options;
pub use pool::{Detached, WorkerPool};

use std::net::{SocketAddr, TcpStream};

use tokio_util::sync::CancellationToken;

use crate::telemetry::Telemetry;
use service::{ConnectionBody, ConnectionService};

/// The two steps by which a server ends.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// No new connections or calls; those under way finish.
    pub drain: CancellationToken,
    /// What has not finished by now is cut.
    pub cut: CancellationToken,
}

/// What every listener's connections are served by.
#[derive(Debug, Clone, Copy)]
pub struct Serving<'a> {
    /// The threads.
    pub pool: &'a WorkerPool,
    /// How the server ends.
    pub shutdown: &'a Shutdown,
    /// Where connections are counted.
    pub telemetry: &'a Telemetry,
}

impl Serving<'_> {
    /// Serves HTTP/2 connections until the server drains.
    pub async fn http2<S, B>(self, acceptor: Acceptor, service: S, options: Http2Options)
    where
        S: ConnectionService<B>,
        B: ConnectionBody,
    {
        self.each("grpc", acceptor, |stream, _| {
            http2::serve(stream, service.clone(), options.clone(), self.shutdown.clone())
        })
        .await;
    }

    /// Serves HTTP/1.1 connections until the server drains.
    pub async fn http1<S, B>(self, acceptor: Acceptor, service: S, options: Http1Options)
    where
        S: ConnectionService<B>,
        B: ConnectionBody,
    {
        self.each("rest", acceptor, |stream, peer| {
            http1::serve(stream, peer, service.clone(), options.clone(), self.shutdown.clone())
        })
        .await;
    }

    /// Gives each connection to the thread with the fewest.
    async fn each<F>(
        self,
        listener: &'static str,
        acceptor: Acceptor,
        serve: impl Fn(TcpStream, SocketAddr) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        while let Some(accepted) = acceptor.next().await {
            // It leaves this thread's runtime for another one's.
            let Ok(stream) = accepted.stream.into_std() else { continue };
            let connection = serve(stream, accepted.peer);
            let telemetry = self.telemetry.clone();
            let place = accepted.place;
            self.pool.spawn(move || async move {
                telemetry.metrics().connection_opened(listener);
                connection.await;
                telemetry.metrics().connection_closed(listener);
                drop(place);
            });
        }
    }
}
