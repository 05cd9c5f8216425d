//! Takes addresses, or says why one cannot be had.

use std::{io, net::SocketAddr};

use tokio::net::TcpListener;

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("{key}: cannot listen on {address}: {source}{hint}")]
pub struct BindError {
    key: &'static str,
    address: SocketAddr,
    source: io::Error,
    hint: &'static str,
}

/// Listens on `address`, which the configuration has under `key`.
///
/// # Errors
/// Where the address is taken, foreign or forbidden.
pub(crate) async fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| {
        let hint = match source.kind() {
            io::ErrorKind::AddrInUse => "; another process has it: stop that one, or choose another port",
            io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
            io::ErrorKind::PermissionDenied => "; ports below 1024 need privileges: choose a higher one",
            _ => "",
        };
        BindError { key, address, source, hint }
    })
}
