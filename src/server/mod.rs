//! Listeners, and the threads that serve their connections.
//!
//! Every processor has one thread with a runtime of its own, and a connection stays on the thread that it was
//! given to: nothing about a call crosses threads but its write to the store (a
//! create with a `request_id`, which must outlive its connection, is the exception). That costs a fraction of what a
//! work-stealing runtime does for calls this short.

mod bind;
mod coalesce;
mod connection;
mod pool;

pub use bind::{BindError, bind};
pub use connection::Http2Options;
pub use pool::WorkerPool;

use std::{sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;

use crate::telemetry::Telemetry;
use connection::{ConnectionBody, Http2Service};

/// How long to wait before accepting again after accepting failed, as it does when file handles run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The two steps by which a server ends.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// No new connections or calls; those under way finish.
    pub drain: CancellationToken,
    /// What has not finished by now is cut.
    pub cut: CancellationToken,
}

/// Accepts connections and gives each to the thread with the fewest, until the server drains.
pub async fn accept<S, B>(
    listener: TcpListener,
    pool: &WorkerPool,
    service: S,
    options: Http2Options,
    shutdown: Shutdown,
    telemetry: Telemetry,
) where
    S: Http2Service<B>,
    B: ConnectionBody,
{
    let room = Arc::new(Semaphore::new(options.max_connections));
    loop {
        let next = async {
            // Whoever does not fit waits in the listener's backlog.
            let permit = Arc::clone(&room).acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            accepted = next => accepted,
            () = shutdown.drain.cancelled() => return,
        };
        let stream = match accepted.and_then(|(stream, _)| {
            stream.set_nodelay(true)?;
            stream.into_std()
        }) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (service, options, shutdown, telemetry) =
            (service.clone(), options.clone(), shutdown.clone(), telemetry.clone());
        pool.spawn(move || async move {
            telemetry.metrics().connection_opened();
            connection::serve(stream, service, options, shutdown).await;
            telemetry.metrics().connection_closed();
            drop(permit);
        });
    }
}
