//! Who is at the other end of a connection.

use std::{net::SocketAddr, sync::Arc};

/// The other end of a connection, as far as the connection itself shows it. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Where it comes from.
    pub address: SocketAddr,
    /// The certificate that it has shown and whose key it holds, as the DER of X.509; absent without TLS, and where it has
    /// shown none.
    pub certificate: Option<Arc<[u8]>>,
}

impl Peer {
    /// The other end of a connection that shows nothing but an address.
    #[must_use]
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self { address, certificate: None }
    }
}
