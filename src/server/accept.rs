//! Accepting connections, bounded, until the server drains.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;

use crate::telemetry::SparseLine;

/// How long to wait before accepting again after accepting failed, as it does when file handles run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Strangers can use up file handles.
fn report(error: &io::Error) {
    static LINE: SparseLine = SparseLine::new();
    if let Some(others) = LINE.permit() {
        tracing::warn!(%error, others_since_last_line = others, "a connection could not be accepted");
    }
}

/// A listener that accepts so many connections and no more: whoever does not fit waits in its backlog.
#[derive(Debug)]
pub(crate) struct Acceptor {
    listener: TcpListener,
    room: Arc<Semaphore>,
    drain: CancellationToken,
}

/// A connection that was accepted.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// The connection.
    pub stream: TcpStream,
    /// Where it comes from.
    pub address: SocketAddr,
    /// Its place among the connections; dropped, it makes room for another.
    pub place: OwnedSemaphorePermit,
}

impl Acceptor {
    /// Accepts at most `max_connections` at a time, until `drain` is cancelled.
    #[must_use]
    pub(crate) fn new(listener: TcpListener, max_connections: usize, drain: CancellationToken) -> Self {
        Self { listener, room: Arc::new(Semaphore::new(max_connections)), drain }
    }

    /// The next connection; `None` when the server drains.
    pub(crate) async fn next(&self) -> Option<Accepted> {
        self.drain.run_until_cancelled(self.accept()).await
    }

    async fn accept(&self) -> Accepted {
        loop {
            // A semaphore that nobody closes always gives a permit in the end.
            let Ok(place) = Arc::clone(&self.room).acquire_owned().await else { continue };
            let accepted = self.listener.accept().await.and_then(|(stream, address)| {
                stream.set_nodelay(true)?;
                Ok((stream, address))
            });
            match accepted {
                Ok((stream, address)) => return Accepted { stream, address, place },
                Err(error) => {
                    report(&error);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}
