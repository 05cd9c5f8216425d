//! Listeners, and the threads that serve their connections.
//!
//! Each processor has one thread with its own runtime, and a connection stays on the thread that it is
//! assigned to. Within a call, only the write to the store crosses threads. Work that must outlive its
//! connection, such as a reset, continues there as a detached task. For calls this short, this costs a
//! fraction of what a work-stealing runtime does.

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

/// The two steps of a shutdown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shutdown {
    /// Stops accepting connections and calls; current calls finish.
    pub drain: CancellationToken,
    /// Cuts off whatever has not finished.
    pub cut: CancellationToken,
}

impl Shutdown {
    /// The shutdown of one connection, which may happen before that of the server.
    fn of_connection(&self) -> Self {
        Self { drain: self.drain.child_token(), cut: self.cut.child_token() }
    }
}

/// What the connections of all listeners share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Serving<'a> {
    /// The threads.
    pub pool: &'a WorkerPool,
    /// The shutdown of the server.
    pub shutdown: &'a Shutdown,
    /// Counts connections.
    pub telemetry: &'a Telemetry,
}

impl Serving<'_> {
    /// Serves HTTP/2 connections until the server drains. `connected` creates the service of a connection,
    /// from its peer and a shutdown with which the service can close it.
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

    /// Serves HTTP/1.1 connections until the server drains. `connected` creates the service of a connection,
    /// from its peer.
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

    /// Assigns each connection to the thread with the fewest.
    async fn each<F>(
        self,
        acceptor: Acceptor,
        transport: Transport,
        serve: impl Fn(transport::Stream, Peer) -> F + Clone + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let transport = Arc::new(transport);
        while let Some(Accepted { stream, address, slot }) = acceptor.next().await {
            // The socket moves to the runtime of another thread.
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
                drop(slot);
            });
        }
    }
}
