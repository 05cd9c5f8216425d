//! Limits how long sent data may wait for the client to read it.
//!
//! `tokio-io-timeout` measures from the last byte that was written, so a client that reads a byte now and
//! then could keep its connection forever. Here, everything that was handed over must be written in time.

use std::{
    fmt,
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// A stream whose writes fail with [`io::ErrorKind::TimedOut`] if written data is not sent in time. Writers
/// must flush, which shows that no data is waiting.
pub(crate) struct TimedWrites<S> {
    stream: S,
    limit: Duration,
    give_up: fn(&S),
    /// The deadline of the waiting data; `None` if none is waiting.
    over: Option<Pin<Box<Sleep>>>,
}

impl<S: fmt::Debug> fmt::Debug for TimedWrites<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TimedWrites").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<S> TimedWrites<S> {
    /// `give_up` is called when the time is over.
    pub(crate) fn new(stream: S, limit: Duration, give_up: fn(&S)) -> Self {
        Self { stream, limit, give_up, over: None }
    }

    fn check_deadline<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            return written;
        }
        let limit = self.limit;
        let over = self.over.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(over.as_mut().poll(context));
        (self.give_up)(&self.stream);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedWrites<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedWrites<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.check_deadline(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.check_deadline(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() {
            self.over = None;
        }
        self.check_deadline(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.check_deadline(context, shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn pair() -> (DuplexStream, TimedWrites<DuplexStream>) {
        let (client, server) = duplex(4);
        (client, TimedWrites::new(server, LIMIT, |_| ()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_a_byte_now_and_then_times_out() {
        let (mut client, mut server) = pair();
        let taking = tokio::spawn(async move {
            for _ in 0..100 {
                tokio::time::sleep(LIMIT / 3).await;
                let _ = client.read_u8().await;
            }
        });
        let written = tokio::time::timeout(2 * LIMIT, server.write_all(&[0; 100])).await;
        let error = written.expect("ends").expect_err("the time is over");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        taking.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_flush_restarts_the_time_limit() {
        let (mut client, mut server) = pair();
        for _ in 0..10 {
            let (sent, _) = tokio::join!(
                async {
                    server.write_all(&[0; 8]).await?;
                    server.flush().await
                },
                async {
                    tokio::time::sleep(LIMIT / 2).await;
                    client.read_exact(&mut [0; 8]).await
                }
            );
            sent.expect("sent in time");
        }
    }
}
