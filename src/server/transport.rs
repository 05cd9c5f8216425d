//! What an accepted socket becomes: the stream that HTTP is spoken over, and who is at its other end.
//!
//! One way of it is one function, which runs on the thread that serves the connection.

use std::{io, net::SocketAddr};

use tokio::net::TcpStream;

use crate::domain::peer::Peer;

/// What HTTP is spoken over. What serves it takes any stream.
pub(super) type Stream = TcpStream;

/// Plain text: the socket is the stream, and shows nothing but an address.
///
/// # Errors
/// Where the operating system does not let the runtime of this thread have the socket.
pub(super) fn plain(socket: std::net::TcpStream, address: SocketAddr) -> io::Result<(Stream, Peer)> {
    Ok((TcpStream::from_std(socket)?, Peer::at(address)))
}
