//! Binds listeners, with errors that name the remedy.

use std::{io, net::SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// The size of the kernel's buffer for each direction of a connection, in bytes; Linux adds room for its own
/// records. By default, the kernel grows them to 4 and 6 MiB for a client that does not read its responses,
/// or sends faster than it is read.
const SOCKET_BUFFER: u32 = 128 * 1024;

/// How many connections can wait to be accepted. The kernel may lower this.
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

/// Listens on `address`, the value of the configuration key `key`.
///
/// # Errors
/// If the address is in use, not local, or not permitted.
pub(crate) fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, BindError> {
    listen(address).map_err(|source| {
        let hint = match source.kind() {
            io::ErrorKind::AddrInUse => "; another process uses this port: stop it, or choose another port",
            io::ErrorKind::AddrNotAvailable => "; this machine does not have that address",
            io::ErrorKind::PermissionDenied => "; ports below 1024 require privileges: choose a higher port",
            _ => "",
        };
        BindError { key, address, source, hint }
    })
}

/// A listener with bounded buffers, which its connections inherit.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SOCKET_BUFFER)?;
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
