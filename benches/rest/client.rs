//! An HTTP/1.1 client that costs as little as it can, because it shares the processors with the server that it
//! measures: requests that are bytes already, and no look at an answer beyond its status and its length.

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

/// Room for any answer, so that it is read in one go.
const ROOM: usize = 16 * 1024;

/// One connection, which is kept alive.
pub struct Client {
    stream: TcpStream,
    received: BytesMut,
    status: u16,
}

impl support::load::Client for Client {
    /// The status of success.
    type Method = u16;

    fn connections(in_flight: usize) -> usize {
        // HTTP/1.1 takes one call at a time over each.
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

    /// The answer is all of it, with its head.
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
            // Takes the same memory again, since the last answer is not held any more.
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
