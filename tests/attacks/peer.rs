//! An HTTP/2 client that sends arbitrary frames (RFC 9113), on its own thread.

use std::{
    collections::BTreeMap,
    fmt,
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    thread::JoinHandle,
    time::Duration,
};

use h2::Reason;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The timeout of reads and writes. Only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(60);

pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;

#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Data = 0,
    Headers = 1,
    Priority = 2,
    Reset = 3,
    Settings = 4,
    Ping = 6,
    GoAway = 7,
    WindowUpdate = 8,
    Continuation = 9,
}

#[derive(Debug, Clone, Copy)]
pub enum Setting {
    HeaderTableSize = 1,
    InitialWindowSize = 4,
}

/// A connection that reads nothing until `end` or `reading` is called.
pub struct Peer {
    stream: TcpStream,
    sent: Vec<u8>,
}

/// How a connection ended, as its client saw it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct End {
    /// The error code of the server's last GOAWAY.
    pub go_away: Option<u32>,
    /// The streams that the server reset, by reason.
    pub resets: BTreeMap<u32, usize>,
    /// The number of HEADERS frames: starts and ends of responses.
    pub headers: usize,
    /// Whether the server closed the connection.
    pub is_closed: bool,
}

impl Peer {
    /// Connects and sends the preface with these settings.
    pub fn begin(address: SocketAddr, settings: &[(Setting, u32)]) -> Self {
        let stream = TcpStream::connect(address).expect("connects");
        stream.set_nodelay(true).expect("sets the option");
        stream.set_read_timeout(Some(PATIENCE)).expect("sets the option");
        stream.set_write_timeout(Some(PATIENCE)).expect("sets the option");
        let mut peer = Self { stream, sent: PREFACE.to_vec() };
        peer.settings(settings);
        peer.send();
        peer
    }

    /// Adds a frame to the next write.
    pub fn frame(&mut self, kind: Kind, flags: u8, stream: u32, payload: &[u8]) {
        self.head_of_frame(payload.len(), kind, flags, stream);
        self.sent.extend_from_slice(payload);
    }

    /// Adds the header of a frame of this length.
    pub fn head_of_frame(&mut self, length: usize, kind: Kind, flags: u8, stream: u32) {
        let length = u32::try_from(length).expect("fits").to_be_bytes();
        self.sent.extend_from_slice(&length[1..]);
        self.sent.extend_from_slice(&[kind as u8, flags]);
        self.sent.extend_from_slice(&stream.to_be_bytes());
    }

    /// Sends one byte; returns whether the server still accepts it.
    pub fn send_byte(&mut self) -> bool {
        self.sent.push(b'a');
        self.send()
    }

    pub fn settings(&mut self, settings: &[(Setting, u32)]) {
        let mut payload = Vec::new();
        for (setting, value) in settings {
            payload.extend_from_slice(&(*setting as u16).to_be_bytes());
            payload.extend_from_slice(&value.to_be_bytes());
        }
        self.frame(Kind::Settings, 0, 0, &payload);
    }

    /// Adds the HEADERS frame of a gRPC call.
    pub fn head(&mut self, stream: u32, method: &str, flags: u8) {
        self.frame(Kind::Headers, flags | END_HEADERS, stream, &head(method));
    }

    /// Adds a complete gRPC call.
    pub fn call(&mut self, stream: u32, method: &str, message: &[u8]) {
        self.head(stream, method, 0);
        self.message(stream, message, END_STREAM);
    }

    /// Adds a message of a gRPC call.
    pub fn message(&mut self, stream: u32, message: &[u8], flags: u8) {
        let mut payload = vec![0];
        payload.extend_from_slice(&u32::try_from(message.len()).expect("fits").to_be_bytes());
        payload.extend_from_slice(message);
        self.frame(Kind::Data, flags, stream, &payload);
    }

    /// Sends the added frames; returns whether the server still accepts data.
    pub fn send(&mut self) -> bool {
        let sent = self.stream.write_all(&self.sent);
        self.sent.clear();
        sent.is_ok()
    }

    /// Sends what `add` adds until the server accepts no more, at most this many times.
    pub fn flood(&mut self, times: u32, mut add: impl FnMut(&mut Self, u32)) {
        for number in 0..times {
            add(self, number);
            let is_much = self.sent.len() >= 16 * 1024;
            if is_much && !self.send() {
                return;
            }
        }
        self.send();
    }

    /// Reads from now on, concurrently with writes.
    pub fn reading(&self) -> Reading {
        let mut stream = self.stream.try_clone().expect("a handle");
        Reading(std::thread::spawn(move || read(&mut stream)))
    }

    /// Reads until the server closes the connection.
    pub fn end(mut self) -> End {
        read(&mut self.stream)
    }

    /// Closes the write side.
    pub fn finish(&self) {
        // The server may have closed it first.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Reads one byte; returns whether there was one.
    pub fn read_byte(&mut self) -> bool {
        self.stream.read_exact(&mut [0]).is_ok()
    }
}

/// A reader that runs concurrently with writes.
pub struct Reading(JoinHandle<End>);

impl Reading {
    pub fn end(self) -> End {
        self.0.join().expect("does not panic")
    }
}

impl End {
    /// Returns whether the server sent GOAWAY with this reason and closed the connection.
    pub fn is_go_away(&self, reason: Reason) -> bool {
        self.is_closed && self.go_away == Some(reason.into())
    }

    /// The number of streams that the server reset for this reason.
    pub fn resets_for(&self, reason: Reason) -> usize {
        self.resets.get(&reason.into()).copied().unwrap_or_default()
    }
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |reason: u32| format!("{:?}", Reason::from(reason));
        let mut parts = Vec::new();
        parts.extend(self.resets.iter().map(|(reason, count)| format!("{count} streams {}", name(*reason))));
        parts.extend(self.go_away.map(|reason| format!("GOAWAY {}", name(reason))));
        parts.push(if self.is_closed { "closed" } else { "served on" }.to_owned());
        formatter.write_str(&parts.join(", "))
    }
}

/// The header block of a gRPC call, without HPACK indexing (RFC 7541, section 6.2.2).
fn head(method: &str) -> Vec<u8> {
    let path = format!("/{method}");
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", &path),
        (":authority", "passbridge.test"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    fields.iter().flat_map(|(name, value)| literal(name, value.as_bytes())).collect()
}

/// A literal field without indexing.
pub fn literal(name: &str, value: &[u8]) -> Vec<u8> {
    let mut field = vec![0];
    for part in [name.as_bytes(), value] {
        length(part.len(), &mut field);
        field.extend_from_slice(part);
    }
    field
}

/// A length with a 7-bit prefix (RFC 7541, section 5.1).
pub fn length(length: usize, field: &mut Vec<u8>) {
    match length.checked_sub(127) {
        None => field.push(u8::try_from(length).expect("fits")),
        Some(mut rest) => {
            field.push(127);
            while rest >= 128 {
                field.push(u8::try_from(rest % 128).expect("fits") | 128);
                rest /= 128;
            }
            field.push(u8::try_from(rest).expect("fits"));
        }
    }
}

fn read(stream: &mut TcpStream) -> End {
    let mut end = End::default();
    loop {
        match read_frame(stream) {
            Ok((kind, payload)) => count(&mut end, kind, &payload),
            Err(error) => {
                end.is_closed = !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                return end;
            }
        }
    }
}

fn read_frame(stream: &mut TcpStream) -> std::io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head)?;
    let mut payload = vec![0; usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2])];
    stream.read_exact(&mut payload)?;
    Ok((head[3], payload))
}

fn count(end: &mut End, kind: u8, payload: &[u8]) {
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes[..4].try_into().expect("four bytes"));
    match kind {
        kind if kind == Kind::GoAway as u8 => end.go_away = Some(number(&payload[4..])),
        kind if kind == Kind::Reset as u8 => *end.resets.entry(number(payload)).or_default() += 1,
        kind if kind == Kind::Headers as u8 => end.headers += 1,
        _ => {}
    }
}
