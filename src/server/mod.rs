//! Listeners, and the threads that serve their connections.
//!
//! Every processor has one thread with a runtime of its own, and a connection stays on the thread that it was
//! given to: nothing about a call crosses threads but its write to the store. What must outlive its connection, such
//! as a reset, goes on there as a detached task. That costs a fraction of what a work-stealing
//! runtime does for calls this short.

mod accept;
mod bind;
mod coalesce;
mod half_open;
mod handshake_failure;
mod http1;
mod http2;
mod pool;
mod raw_query;
mod send_backlog;
mod service;
mod timed_writes;
mod transport;

#[cfg(test)]
mod tests;

pub(crate) use accept::{Accepted, Acceptor};
pub(crate) use bind::{BindError, bind};
pub(crate) use http1::{Http1Options, serve_inner};
pub(crate) use http2::Http2Options;
pub(crate) use pool::{Detached, WorkerPool};
pub(crate) use service::{ConnectionBody, ConnectionService};
pub(crate) use transport::{SharedTls, Transport};

use std::{future::Future, sync::Arc};

use tokio_util::sync::CancellationToken;

use crate::{domain::peer::Peer, telemetry::Telemetry};

/// The two steps by which a server ends.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shutdown {
    /// No new connections or calls; those under way finish.
    pub drain: CancellationToken,
    /// What has not finished by now is cut.
    pub cut: CancellationToken,
}

impl Shutdown {
    /// That of one connection, which may end before the server does.
    fn of_connection(&self) -> Self {
        Self { drain: self.drain.child_token(), cut: self.cut.child_token() }
    }
}

/// What every listener's connections are served by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Serving<'a> {
    /// The threads.
    pub pool: &'a WorkerPool,
    /// How the server ends.
    pub shutdown: &'a Shutdown,
    /// Where connections are counted.
    pub telemetry: &'a Telemetry,
}

impl Serving<'_> {
    /// Serves HTTP/2 connections until the server drains, each with the service that `connected` makes for its peer, and that
    /// may end it before.
    pub(crate) async fn http2<S, B>(
        self,
        acceptor: Acceptor,
        transport: Transport,
        connected: impl Fn(Peer, Shutdown) -> S + Clone + Send + 'static,
        options: Http2Options,
    ) where
        S: ConnectionService<B>,
        B: ConnectionBody + Unpin,
    {
        let shutdown = self.shutdown.clone();
        self.each(acceptor, transport, move |stream, peer| {
            let shutdown = shutdown.of_connection();
            http2::serve(stream, connected(peer, shutdown.clone()), options.clone(), shutdown)
        })
        .await;
    }

    /// The same for HTTP/1.1.
    pub(crate) async fn http1<S, B>(
        self,
        acceptor: Acceptor,
        transport: Transport,
        connected: impl Fn(Peer) -> S + Clone + Send + 'static,
        options: Http1Options,
    ) where
        S: ConnectionService<B>,
        B: ConnectionBody,
    {
        let shutdown = self.shutdown.clone();
        self.each(acceptor, transport, move |stream, peer| {
            http1::serve(stream, connected(peer), options.clone(), shutdown.clone())
        })
        .await;
    }

    /// Gives each connection to the thread with the fewest.
    async fn each<F>(
        self,
        acceptor: Acceptor,
        transport: Transport,
        serve: impl Fn(transport::Stream, Peer) -> F + Clone + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let transport = Arc::new(transport);
        while let Some(Accepted { stream, address, place }) = acceptor.next().await {
            // It leaves this thread's runtime for another one's.
            let Ok(socket) = stream.into_std() else { continue };
            let (telemetry, drain) = (self.telemetry.clone(), self.shutdown.drain.clone());
            let (serve, transport) = (serve.clone(), Arc::clone(&transport));
            self.pool.spawn(move || async move {
                let (metrics, listener) = (telemetry.metrics(), transport.listener());
                metrics.connection_opened(listener);
                if let Some((stream, peer)) = transport.open(socket, address, metrics, &drain).await {
                    serve(stream, peer).await;
                }
                metrics.connection_closed(listener);
                drop(place);
            });
        }
    }
}
