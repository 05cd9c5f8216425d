//! The peer of a connection.

use std::{net::SocketAddr, sync::Arc};

use super::credential::Credential;

/// The peer's address and proven credential. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The peer's address.
    pub address: SocketAddr,
    /// The names of the peer's certificate; absent without TLS or without a client certificate.
    pub credential: Option<Arc<Credential>>,
}

impl Peer {
    /// Returns a peer without a certificate.
    #[must_use]
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self { address, credential: None }
    }
}
