//! An HTTP/1.1 client with minimal cost, because it shares the CPUs with the measured server: requests are prepared bytes, and
//! only the status and the length of responses are parsed.

use std::{io, net::SocketAddr};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    answer::Outline,
    support::{self, Result, tally::CallError},
};

/// A buffer for any response, so that one read suffices.
const ROOM: usize = 16 * 1024;

/// One keep-alive connection.
pub struct Client {
    stream: TcpStream,
    received: BytesMut,
    status: u16,
}

impl support::load::Client for Client {
    /// The status of success.
    type Method = u16;

    fn connections(in_flight: usize) -> usize {
        // HTTP/1.1 allows one call at a time per connection.
        in_flight
    }

    async fn connect(address: SocketAddr, status: &u16, clients: usize) -> Result<Vec<Self>> {
        let mut connected = Vec::new();
        for _ in 0..clients {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            connected.push(Self { stream, received: BytesMut::new(), status: *status });
        }
        Ok(connected)
    }

    /// Returns the whole response, with its head.
    async fn call(&mut self, request: Bytes) -> std::result::Result<Bytes, CallError> {
        let (outline, answer) = self.exchange(&request).await.map_err(CallError::Connection)?;
        if outline.status == self.status {
            return Ok(answer);
        }
        Err(CallError::Status(String::from_utf8_lossy(&answer).into_owned()))
    }
}

impl Client {
    async fn exchange(&mut self, request: &[u8]) -> Result<(Outline, Bytes)> {
        self.stream.write_all(request).await?;
        let mut outline = None;
        loop {
            // Reuses the memory, because the last response was dropped.
            self.received.reserve(ROOM);
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            if outline.is_none() {
                outline = Outline::of(&self.received)?;
            }
            if let Some(outline) = outline
                && self.received.len() >= outline.whole
            {
                return Ok((outline, self.received.split_to(outline.whole).freeze()));
            }
        }
    }
}
