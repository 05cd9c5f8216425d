//! Turns an accepted socket into the stream that HTTP runs over, and identifies the peer.
//!
//! This happens on the thread that serves the connection.

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

/// The timeout of a TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum number of concurrent handshakes of a listener.
const HALF_OPEN_MAX: usize = 1_000;

/// A socket that is closed if the client does not read what is sent.
type Socket = TimedWrites<TcpStream>;

/// The stream that HTTP runs over.
pub(super) type Stream = Either<Socket, Box<TlsStream<Socket>>>;

/// The TLS configuration of a listener; `None` for plain text. A reload replaces it for connections that are
/// accepted later.
pub(crate) type SharedTls = Arc<ArcSwapOption<ServerConfig>>;

/// Opens the connections that a listener accepts.
#[derive(Debug)]
pub(crate) struct Transport {
    listener: &'static str,
    tls: SharedTls,
    half_open: HalfOpen,
    failures: FailureLog,
    write_timeout: Duration,
}

impl Transport {
    /// The transport of a listener with at most `max_connections` connections, whose clients must read what
    /// is sent within `write_timeout`.
    pub(crate) fn new(
        listener: &'static str,
        tls: SharedTls,
        max_connections: usize,
        write_timeout: Duration,
        clock: SharedClock,
    ) -> Self {
        // Connections that completed their handshake always have room beside those that have not.
        let half_open = HalfOpen::new((max_connections / 2).clamp(1, HALF_OPEN_MAX));
        Self { listener, tls, half_open, failures: FailureLog::new(listener, clock), write_timeout }
    }

    /// The name of the listener in metrics and in the log.
    pub(super) fn listener(&self) -> &'static str {
        self.listener
    }

    /// Opens a connection: its stream and its peer. `None` if the handshake fails or the server drains.
    pub(super) async fn open(
        &self,
        socket: std::net::TcpStream,
        address: SocketAddr,
        metrics: &Metrics,
        drain: &CancellationToken,
    ) -> Option<(Stream, Peer)> {
        let socket = TimedWrites::new(TcpStream::from_std(socket).ok()?, self.write_timeout, discard_unsent);
        let Some(tls) = self.tls.load_full() else {
            return Some((Either::Left(socket), Peer::at(address)));
        };
        let opened = drain.run_until_cancelled(self.handshake(socket, tls)).await?;
        let outcome = opened.as_ref().map_or_else(HandshakeFailure::name, |_| "completed");
        metrics.tls_handshake(self.listener, outcome);
        match opened {
            Ok(stream) => {
                let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
                // Parsed once per connection, not per call.
                let credential = certificate.map(|certificate| Arc::new(credential_of(certificate)));
                Some((Either::Right(Box::new(stream)), Peer { address, credential }))
            }
            Err(failure) => {
                self.failures.report(&failure);
                None
            }
        }
    }

    /// Performs the handshake. It fails on a timeout, and if too many newer handshakes have begun, so that
    /// unfinished handshakes cannot keep other clients out.
    async fn handshake(
        &self,
        socket: Socket,
        tls: Arc<ServerConfig>,
    ) -> Result<TlsStream<Socket>, HandshakeFailure> {
        let slot = self.half_open.begin();
        let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(tls).accept(socket));
        let ended = slot.run_until_displaced(handshake).await.ok_or(HandshakeFailure::Displaced)?;
        ended.map_err(|_| HandshakeFailure::Timeout)?.map_err(|error: io::Error| HandshakeFailure::of(&error))
    }
}

/// Makes the kernel discard unread data when the socket is closed. Otherwise it would keep the data for
/// minutes.
fn discard_unsent(socket: &TcpStream) {
    // On failure, the kernel keeps the data.
    let _ = socket.set_zero_linger();
}

#[cfg(test)]
mod tests;
