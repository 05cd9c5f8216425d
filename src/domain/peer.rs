//! Who is at the other end of a connection.

use std::{net::SocketAddr, sync::Arc};

use super::credential::Credential;

/// The other end of a connection, as far as the connection itself shows it. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Where it comes from.
    pub address: SocketAddr,
    /// What the certificate proves that it has shown; absent without TLS, and where it has shown none.
    pub credential: Option<Arc<Credential>>,
}

impl Peer {
    /// The other end of a connection that shows nothing but an address.
    #[must_use]
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self { address, credential: None }
    }
}
