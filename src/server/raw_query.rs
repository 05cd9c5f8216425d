//! Queries that clients send as they are, without encoding what no URI can hold, put right before HTTP is spoken: a resource in
//! MRSS, `<rss version="2.0">`, is such a one. hyper refuses it before anybody could answer.
//!
//! Only the first line of a connection is looked at. Where a later one begins depends on how the requests before it are framed,
//! and a second opinion about that is how requests are smuggled (RFC 9112, section 11.2). So a request that was put right is its
//! connection's last. A line is changed only where it can be read in one way: a method, a space, a plain path, a query, a space
//! and the version, ended by CRLF. Of these only the query changes, and never the line's end or anything after it.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest line that is put right, in bytes: as long as the longest URI that is served.
const LINE_MAX: usize = 16 * 1024;

/// How much is read at once while the line has not ended, in bytes.
const CHUNK: usize = 2 * 1024;

/// A connection whose first request may have a raw query.
pub(super) struct RawQuery<I> {
    stream: I,
    state: RewriteState,
    is_mended: QueryRewritten,
}

/// Whether the first request of a connection was put right.
#[derive(Clone, Default)]
pub(super) struct QueryRewritten(Arc<AtomicBool>);

impl QueryRewritten {
    pub(super) fn get(&self) -> bool {
        self.0.load(Relaxed)
    }
}

enum RewriteState {
    /// What has come of the first line.
    Line(Vec<u8>),
    /// What has been read and not been taken, from this place on.
    Read(Vec<u8>, usize),
    Through,
}

impl<I> RawQuery<I> {
    pub(super) fn new(stream: I) -> Self {
        Self { stream, state: RewriteState::Line(Vec::new()), is_mended: QueryRewritten::default() }
    }

    pub(super) fn is_mended(&self) -> QueryRewritten {
        self.is_mended.clone()
    }
}

/// What has come, to be taken as it is or put right; nothing while that cannot be told.
fn decided(read: &[u8]) -> Option<Option<Vec<u8>>> {
    let Some(end) = read.iter().position(|byte| *byte == b'\n') else {
        // No line of HTTP goes on after a control character, and whoever sends none shall get an answer.
        let is_hopeless =
            read.len() > LINE_MAX || read[..read.len().saturating_sub(1)].iter().any(u8::is_ascii_control);
        return is_hopeless.then_some(None);
    };
    let (line, rest) = read.split_at(end);
    let mended = line.strip_suffix(b"\r").filter(|line| line.len() <= LINE_MAX).and_then(mended);
    Some(mended.map(|line| [&*line, b"\r", rest].concat()))
}

/// The request line with its query encoded, where it needs that and can be read in one way.
fn mended(line: &[u8]) -> Option<Vec<u8>> {
    let target = line.strip_suffix(b" HTTP/1.1").or_else(|| line.strip_suffix(b" HTTP/1.0"))?;
    let question = target.iter().position(|byte| *byte == b'?')?;
    let (before, query) = target.split_at(question + 1);
    let space = before.iter().position(|byte| *byte == b' ')?;
    let (method, path) = (&before[..space], &before[space + 1..]);
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !is_raw(*byte) && *byte != b'#';
    let is_sound = !method.is_empty()
        && method.iter().all(u8::is_ascii_uppercase)
        && path.starts_with(b"/")
        && path.iter().all(is_plain)
        && !query.iter().any(u8::is_ascii_control)
        && query.first() != Some(&b' ')
        && query.last() != Some(&b' ')
        // Somebody could take that for the line's end.
        && !query.windows(6).any(|window| window.eq_ignore_ascii_case(b" HTTP/"));
    if !is_sound || !query.iter().any(|byte| is_raw(*byte)) {
        return None;
    }
    let mut line_mended = before.to_vec();
    for byte in query {
        if is_raw(*byte) {
            line_mended.extend(format!("%{byte:02X}").bytes());
        } else {
            line_mended.push(*byte);
        }
    }
    line_mended.extend_from_slice(&line[target.len()..]);
    Some(line_mended)
}

/// What fielded clients leave as it is and no URI holds (RFC 3986, section 2).
fn is_raw(byte: u8) -> bool {
    matches!(byte, b' ' | b'<' | b'>' | b'"')
}

impl<I: AsyncRead + Unpin> AsyncRead for RawQuery<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            match &mut this.state {
                RewriteState::Through => return Pin::new(&mut this.stream).poll_read(context, buffer),
                RewriteState::Read(read, taken) => {
                    let rest = &read[*taken..];
                    let length = rest.len().min(buffer.remaining());
                    buffer.put_slice(&rest[..length]);
                    *taken += length;
                    if *taken == read.len() {
                        this.state = RewriteState::Through;
                    }
                    return Poll::Ready(Ok(()));
                }
                RewriteState::Line(read) => {
                    let mut chunk = [0; CHUNK];
                    let mut chunk = ReadBuf::new(&mut chunk);
                    ready!(Pin::new(&mut this.stream).poll_read(context, &mut chunk))?;
                    let has_ended = chunk.filled().is_empty();
                    read.extend_from_slice(chunk.filled());
                    match decided(read) {
                        Some(Some(mended)) => {
                            this.is_mended.0.store(true, Relaxed);
                            this.state = RewriteState::Read(mended, 0);
                        }
                        None if !has_ended => {}
                        Some(None) | None => this.state = RewriteState::Read(std::mem::take(read), 0),
                    }
                }
            }
        }
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for RawQuery<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// What is read of a connection on which `sent` comes so many bytes at a time.
    async fn read(sent: &[u8], at_once: usize) -> (Vec<u8>, bool) {
        let (mut client, server) = tokio::io::duplex(at_once);
        let mut stream = RawQuery::new(server);
        let mut read = Vec::new();
        let send = async {
            client.write_all(sent).await.expect("sends");
            drop(client);
        };
        let (_, ended) = tokio::join!(send, stream.read_to_end(&mut read));
        ended.expect("reads");
        (read, stream.is_mended().get())
    }

    #[tokio::test]
    async fn a_raw_query_of_the_first_line_is_encoded_and_nothing_else() {
        let rest = "\r\nx-odd: <a b>\r\n\r\nGET /?a=<b> HTTP/1.1\r\n\r\n";
        for (line, mended) in [
            (
                "GET /a?r=<rss version=\"2.0\">&b=%3C+ HTTP/1.1",
                "GET /a?r=%3Crss%20version=%222.0%22%3E&b=%3C+ HTTP/1.1",
            ),
            ("POST /a?<?é HTTP/1.0", "POST /a?%3C?é HTTP/1.0"),
        ] {
            for at_once in [1, 3, 100_000] {
                let (read, is_mended) = read(format!("{line}{rest}").as_bytes(), at_once).await;
                assert_eq!(String::from_utf8_lossy(&read), format!("{mended}{rest}"), "{at_once}");
                assert!(is_mended);
            }
        }
    }

    #[tokio::test]
    async fn what_is_clean_or_could_be_read_in_two_ways_stays_as_it_is() {
        let long = format!("GET /?a=<{} HTTP/1.1\r\n\r\n", "a".repeat(LINE_MAX));
        for sent in [
            "",
            "G",
            "GET /?a=<",
            "GET /a?b=c HTTP/1.1\r\nx: <a b>\r\n\r\n",
            "GET /a<b?c=d HTTP/1.1\r\n\r\n",
            "GET /a b?c=<d> HTTP/1.1\r\n\r\n",
            "GET /a?b=c HTTP/1.1 HTTP/1.1\r\n\r\n",
            "GET /a?b=c http/1.1 <d> HTTP/1.1\r\n\r\n",
            "GET  /a?b=<c> HTTP/1.1\r\n\r\n",
            "GET /a?b=<c>  HTTP/1.1\r\n\r\n",
            "GET /a? b=<c> HTTP/1.1\r\n\r\n",
            "GET /a?b=<c> HTTP/1.1\n\r\n",
            "GET /a?b=<c>\rHTTP/1.1 HTTP/1.1\r\n\r\n",
            "GET /a?b=<c>\t HTTP/1.1\r\n\r\n",
            "GET /a?b=<c> HTTP/2.0\r\n\r\n",
            "GET http://x/a?b=<c> HTTP/1.1\r\n\r\n",
            "get /a?b=<c> HTTP/1.1\r\n\r\n",
            "\r\nGET /a?b=<c> HTTP/1.1\r\n\r\n",
            &long,
        ] {
            for at_once in [1, 100_000] {
                let (read, is_mended) = read(sent.as_bytes(), at_once).await;
                assert_eq!((String::from_utf8_lossy(&read), is_mended), (sent.into(), false), "{at_once}");
            }
        }
    }
}
