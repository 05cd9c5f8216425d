//! A client of a few lines, so that the machinery of the tests is not what they test.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// How long an answer may take; only what fails waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// No such key, no such element.
    Nil,
    /// A number.
    Integer(i64),
    /// A string or a status.
    Bytes(Vec<u8>),
    /// More of them.
    Array(Vec<Self>),
    /// A refusal, with its code as the first word.
    Error(String),
}

impl Reply {
    /// The text of a string or a status.
    ///
    /// # Panics
    ///
    /// Where it is anything else.
    pub fn text(&self) -> String {
        match self {
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => panic!("not a string: {other:?}"),
        }
    }

    /// The number, also where a string has one.
    ///
    /// # Panics
    ///
    /// Where it is anything else.
    pub fn integer(&self) -> i64 {
        match self {
            Self::Integer(number) => *number,
            other => other.text().parse().expect("a number"),
        }
    }

    /// The elements.
    ///
    /// # Panics
    ///
    /// Where it is anything else.
    pub fn elements(&self) -> &[Self] {
        match self {
            Self::Array(elements) => elements,
            other => panic!("not an array: {other:?}"),
        }
    }
}

/// A connection that goes past TLS, access control and proxies: over a socket in the server's folder.
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

    /// Sends a command and waits for its answer, a minute at most.
    ///
    /// # Errors
    ///
    /// Where the connection fails. That the server refuses is an answer: [`Reply::Error`].
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

    /// Waits for what comes next, such as a message after a `SUBSCRIBE`, a minute at most.
    ///
    /// # Errors
    ///
    /// Where the connection fails.
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
