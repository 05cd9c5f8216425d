//! Encodes raw queries of requests before HTTP is parsed. Some clients send queries with characters that no
//! URI can contain, such as a resource in MRSS, `<rss version="2.0">`; hyper would reject them before any
//! handler runs.
//!
//! Only the first line of a connection is examined. Where a later request begins depends on how earlier
//! requests are framed, and a second opinion on framing is how requests are smuggled (RFC 9112, section
//! 11.2). Therefore a rewritten request is the last one of its connection. A line is rewritten only if it is
//! unambiguous: a method, a space, a plain path, a query, a space and the version, terminated by CRLF. Only
//! the query changes, never the end of the line or anything after it.

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

/// The maximum length of a line that is rewritten, in bytes: the maximum length of a URI that is served.
const LINE_MAX: usize = 16 * 1024;

/// How much is read at a time until the line is complete, in bytes.
const CHUNK: usize = 2 * 1024;

/// A connection whose first request may have a raw query.
pub(super) struct RawQuery<I> {
    stream: I,
    state: RewriteState,
    is_rewritten: QueryRewritten,
}

/// Whether the first request of a connection was rewritten.
#[derive(Clone, Default)]
pub(super) struct QueryRewritten(Arc<AtomicBool>);

impl QueryRewritten {
    pub(super) fn get(&self) -> bool {
        self.0.load(Relaxed)
    }
}

enum RewriteState {
    /// What has been received of the first line.
    Line(Vec<u8>),
    /// What has been received, and the position up to which it has been read.
    Read(Vec<u8>, usize),
    Through,
}

impl<I> RawQuery<I> {
    pub(super) fn new(stream: I) -> Self {
        Self { stream, state: RewriteState::Line(Vec::new()), is_rewritten: QueryRewritten::default() }
    }

    pub(super) fn is_rewritten(&self) -> QueryRewritten {
        self.is_rewritten.clone()
    }
}

/// Decides about the received bytes: the rewritten bytes, `Some(None)` to leave them unchanged, or `None` if
/// more bytes are needed.
fn decide(read: &[u8]) -> Option<Option<Vec<u8>>> {
    let Some(end) = read.iter().position(|byte| *byte == b'\n') else {
        // No request line contains a control character. Stop reading, so that a client that sends one gets a
        // response.
        let is_invalid =
            read.len() > LINE_MAX || read[..read.len().saturating_sub(1)].iter().any(u8::is_ascii_control);
        return is_invalid.then_some(None);
    };
    let (line, rest) = read.split_at(end);
    let rewritten = line.strip_suffix(b"\r").filter(|line| line.len() <= LINE_MAX).and_then(rewrite);
    Some(rewritten.map(|line| [&*line, b"\r", rest].concat()))
}

/// The request line with its query encoded, if it is unambiguous and needs encoding.
fn rewrite(line: &[u8]) -> Option<Vec<u8>> {
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
        // Another parser could take that for the end of the line.
        && !query.windows(6).any(|window| window.eq_ignore_ascii_case(b" HTTP/"));
    if !is_sound || !query.iter().any(|byte| is_raw(*byte)) {
        return None;
    }
    let mut encoded = before.to_vec();
    for byte in query {
        if is_raw(*byte) {
            encoded.extend(format!("%{byte:02X}").bytes());
        } else {
            encoded.push(*byte);
        }
    }
    encoded.extend_from_slice(&line[target.len()..]);
    Some(encoded)
}

/// The characters that clients in the field send unencoded although no URI contains them (RFC 3986, section
/// 2).
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
                    match decide(read) {
                        Some(Some(rewritten)) => {
                            this.is_rewritten.0.store(true, Relaxed);
                            this.state = RewriteState::Read(rewritten, 0);
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

    /// What is read from a connection on which `sent` arrives in pieces of `at_once` bytes.
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
        (read, stream.is_rewritten().get())
    }

    #[tokio::test]
    async fn only_a_raw_query_of_the_first_line_is_encoded() {
        let rest = "\r\nx-odd: <a b>\r\n\r\nGET /?a=<b> HTTP/1.1\r\n\r\n";
        for (line, rewritten) in [
            (
                "GET /a?r=<rss version=\"2.0\">&b=%3C+ HTTP/1.1",
                "GET /a?r=%3Crss%20version=%222.0%22%3E&b=%3C+ HTTP/1.1",
            ),
            ("POST /a?<?é HTTP/1.0", "POST /a?%3C?é HTTP/1.0"),
        ] {
            for at_once in [1, 3, 100_000] {
                let (read, is_rewritten) = read(format!("{line}{rest}").as_bytes(), at_once).await;
                assert_eq!(String::from_utf8_lossy(&read), format!("{rewritten}{rest}"), "{at_once}");
                assert!(is_rewritten);
            }
        }
    }

    #[tokio::test]
    async fn encoded_and_ambiguous_lines_stay_unchanged() {
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
                let (read, is_rewritten) = read(sent.as_bytes(), at_once).await;
                assert_eq!((String::from_utf8_lossy(&read), is_rewritten), (sent.into(), false), "{at_once}");
            }
        }
    }
}
