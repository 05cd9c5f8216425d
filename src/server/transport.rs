//! What an accepted socket becomes: the stream that HTTP is spoken over, and who is at its other end.
//!
//! It happens on the thread that serves the connection.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig, server::TlsStream};
use tokio_util::{either::Either, sync::CancellationToken};

use super::{
    half_open::HalfOpen,
    handshake_failure::{FailureLog, HandshakeFailure},
    timed_writes::TimedWrites,
};
use crate::{
    domain::{clock::SharedClock, peer::Peer},
    telemetry::Metrics,
    tls::credential_of,
};

/// How long a client may take for its handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How many handshakes a listener has under way, at most.
const HALF_OPEN_MAX: usize = 1_000;

/// A socket on which a client that does not take what is sent to it is given up.
type Socket = TimedWrites<TcpStream>;

/// What HTTP is spoken over. What serves it takes any stream.
pub(super) type Stream = Either<Socket, Box<TlsStream<Socket>>>;

/// What the TLS connections of a listener are opened with; nothing where it speaks plain text. Swapped by a reload, for the
/// connections that are accepted after it.
pub(crate) type SharedTls = Arc<ArcSwapOption<ServerConfig>>;

/// How a listener opens the connections that it accepts.
#[derive(Debug)]
pub(crate) struct Transport {
    listener: &'static str,
    tls: SharedTls,
    half_open: HalfOpen,
    failures: FailureLog,
    write_timeout: Duration,
}

impl Transport {
    /// That of a listener that serves `max_connections` at most, whose clients take what is sent within `write_timeout`.
    pub(crate) fn new(
        listener: &'static str,
        tls: SharedTls,
        max_connections: usize,
        write_timeout: Duration,
        clock: SharedClock,
    ) -> Self {
        // Those who have shown that they are in earnest always find room beside those who have not.
        let half_open = HalfOpen::new((max_connections / 2).clamp(1, HALF_OPEN_MAX));
        Self { listener, tls, half_open, failures: FailureLog::new(listener, clock), write_timeout }
    }

    /// The listener's name in metrics and in the log.
    pub(super) fn listener(&self) -> &'static str {
        self.listener
    }

    /// The stream, and who is at its other end; `None` where there is no connection to serve, or the server drains.
    pub(super) async fn open(
        &self,
        socket: std::net::TcpStream,
        address: SocketAddr,
        metrics: &Metrics,
        drain: &CancellationToken,
    ) -> Option<(Stream, Peer)> {
        let socket = TimedWrites::new(TcpStream::from_std(socket).ok()?, self.write_timeout, forget);
        let Some(tls) = self.tls.load_full() else {
            return Some((Either::Left(socket), Peer::at(address)));
        };
        let opened = drain.run_until_cancelled(self.handshake(socket, tls)).await?;
        let outcome = opened.as_ref().map_or_else(HandshakeFailure::name, |_| "completed");
        metrics.tls_handshake(self.listener, outcome);
        match opened {
            Ok(stream) => {
                let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
                // Once for the connection, and not for each of its calls.
                let credential = shown.map(|certificate| Arc::new(credential_of(certificate)));
                Some((Either::Right(Box::new(stream)), Peer { address, credential }))
            }
            Err(failure) => {
                self.failures.report(&failure);
                None
            }
        }
    }

    /// A handshake is given up when its time is over, and when too many younger ones have begun: so nobody who leaves
    /// handshakes half open keeps others from theirs.
    async fn handshake(
        &self,
        socket: Socket,
        tls: Arc<ServerConfig>,
    ) -> Result<TlsStream<Socket>, HandshakeFailure> {
        let place = self.half_open.begin();
        let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(tls).accept(socket));
        let ended = place.run_until_displaced(handshake).await.ok_or(HandshakeFailure::Displaced)?;
        ended.map_err(|_| HandshakeFailure::Timeout)?.map_err(|error: io::Error| HandshakeFailure::of(&error))
    }
}

/// Has the kernel drop what the client has not taken as soon as the socket is closed: it would keep that for minutes more.
fn forget(socket: &TcpStream) {
    // Then it keeps it.
    let _ = socket.set_zero_linger();
}

#[cfg(test)]
mod tests;
