//! Accepts a bounded number of connections, until the server drains.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;

use crate::telemetry::SparseLine;

/// The pause after a failed accept, for example when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Clients can exhaust file descriptors, so log lines are limited.
fn report(error: &io::Error) {
    static LINE: SparseLine = SparseLine::new();
    if let Some(others) = LINE.permit() {
        tracing::warn!(%error, others_since_last_line = others, "connection could not be accepted");
    }
}

/// A listener with a maximum number of open connections. Further clients wait in its backlog.
#[derive(Debug)]
pub(crate) struct Acceptor {
    listener: TcpListener,
    room: Arc<Semaphore>,
    drain: CancellationToken,
}

/// An accepted connection.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// The connection.
    pub stream: TcpStream,
    /// The address of the client.
    pub address: SocketAddr,
    /// Its slot of the maximum number of connections. Dropping it lets another connection be accepted.
    pub slot: OwnedSemaphorePermit,
}

impl Acceptor {
    /// Creates an acceptor with at most `max_connections` open connections, until `drain` is cancelled.
    #[must_use]
    pub(crate) fn new(listener: TcpListener, max_connections: usize, drain: CancellationToken) -> Self {
        Self { listener, room: Arc::new(Semaphore::new(max_connections)), drain }
    }

    /// Accepts the next connection; `None` when the server drains.
    pub(crate) async fn next(&self) -> Option<Accepted> {
        self.drain.run_until_cancelled(self.accept()).await
    }

    async fn accept(&self) -> Accepted {
        loop {
            // The semaphore is never closed, so it always returns a permit eventually.
            let Ok(slot) = Arc::clone(&self.room).acquire_owned().await else { continue };
            let accepted = self.listener.accept().await.and_then(|(stream, address)| {
                stream.set_nodelay(true)?;
                Ok((stream, address))
            });
            match accepted {
                Ok((stream, address)) => return Accepted { stream, address, slot },
                Err(error) => {
                    report(&error);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}
