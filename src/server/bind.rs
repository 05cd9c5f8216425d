//! Takes addresses, or says why one cannot be had.

use std::{io, net::SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// How many bytes the kernel keeps for each direction of a connection; Linux makes room for its own records beside them. Left
/// to itself it keeps up to 4 and 6 MiB for a client that does not take its answers, or sends more than is read.
const SOCKET_BUFFER: u32 = 128 * 1024;

/// How many connections may wait to be accepted; the kernel may allow fewer.
const BACKLOG: u32 = 4_096;

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
pub(crate) fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, BindError> {
    listen(address).map_err(|source| {
        let hint = match source.kind() {
            io::ErrorKind::AddrInUse => "; another process has it: stop that one, or choose another port",
            io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
            io::ErrorKind::PermissionDenied => "; ports below 1024 need privileges: choose a higher one",
            _ => "",
        };
        BindError { key, address, source, hint }
    })
}

/// A listener whose connections have bounded buffers: they have what it has.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SOCKET_BUFFER)?;
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
