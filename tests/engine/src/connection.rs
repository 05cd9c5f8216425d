//! A minimal client, so that the test setup does not depend on the client library under test.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// The longest wait for a reply. Only a failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A reply of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A missing key or element.
    Nil,
    /// An integer.
    Integer(i64),
    /// A string or a status reply.
    Bytes(Vec<u8>),
    /// An array of replies.
    Array(Vec<Self>),
    /// An error, whose first word is its code.
    Error(String),
}

impl Reply {
    /// Returns the text of a string or status reply.
    ///
    /// # Panics
    ///
    /// Panics on any other reply.
    pub fn text(&self) -> String {
        match self {
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => panic!("not a string: {other:?}"),
        }
    }

    /// Returns the integer, or the integer that a string contains.
    ///
    /// # Panics
    ///
    /// Panics on any other reply.
    pub fn integer(&self) -> i64 {
        match self {
            Self::Integer(number) => *number,
            other => other.text().parse().expect("a number"),
        }
    }

    /// Returns the elements of an array.
    ///
    /// # Panics
    ///
    /// Panics on any other reply.
    pub fn elements(&self) -> &[Self] {
        match self {
            Self::Array(elements) => elements,
            other => panic!("not an array: {other:?}"),
        }
    }
}

/// A connection over the Unix socket in the server's folder, which bypasses TLS, access control and proxies.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<UnixStream>,
}

impl Connection {
    pub(crate) fn open(socket: &Path, user: &str, password: &str) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut connection = Self { stream: BufReader::new(stream) };
        match connection.ask(&["AUTH", user, password])? {
            Reply::Error(error) => Err(io::Error::other(error)),
            _ => Ok(connection),
        }
    }

    /// Sends a command and waits at most a minute for its reply.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection fails. An error of the server is a reply: [`Reply::Error`].
    pub fn ask(&mut self, command: &[impl AsRef<[u8]>]) -> io::Result<Reply> {
        let mut request = format!("*{}\r\n", command.len()).into_bytes();
        for part in command.iter().map(AsRef::as_ref) {
            request.extend(format!("${}\r\n", part.len()).bytes());
            request.extend(part);
            request.extend(b"\r\n");
        }
        self.stream.get_mut().write_all(&request)?;
        self.receive()
    }

    /// Waits at most a minute for the next reply, such as a message after a `SUBSCRIBE`.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection fails.
    pub fn receive(&mut self) -> io::Result<Reply> {
        let line = self.line()?;
        let (kind, rest) = line.split_at_checked(1).ok_or_else(|| io::Error::other("an empty line"))?;
        match kind {
            "+" => Ok(Reply::Bytes(rest.into())),
            "-" => Ok(Reply::Error(rest.to_owned())),
            ":" => Ok(Reply::Integer(number(rest)?)),
            "$" => self.string(number(rest)?),
            "*" => self.array(number(rest)?),
            _ => Err(io::Error::other(format!("not an answer: {line}"))),
        }
    }

    fn string(&mut self, length: i64) -> io::Result<Reply> {
        let Ok(length) = usize::try_from(length) else { return Ok(Reply::Nil) };
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes)?;
        bytes.truncate(length);
        Ok(Reply::Bytes(bytes))
    }

    fn array(&mut self, length: i64) -> io::Result<Reply> {
        if length < 0 {
            return Ok(Reply::Nil);
        }
        (0..length).map(|_| self.receive()).collect::<io::Result<_>>().map(Reply::Array)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

fn number(text: &str) -> io::Result<i64> {
    text.parse().map_err(io::Error::other)
}
