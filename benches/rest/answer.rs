//! An HTTP/1.1 response, parsed as far as the benchmark requires.

use crate::support::Result;

/// The end of a head.
const BLANK_LINE: &[u8] = b"\r\n\r\n";

/// The outline of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    pub status: u16,
    /// The length of the head in bytes, with its blank line.
    pub head: usize,
    /// The length of the whole response in bytes.
    pub whole: usize,
}

impl Outline {
    /// The outline of the response at the start of these bytes; `None` until its head is complete.
    pub fn of(received: &[u8]) -> Result<Option<Self>> {
        let Some(end) = received.windows(BLANK_LINE.len()).position(|part| part == BLANK_LINE) else {
            return Ok(None);
        };
        let head = std::str::from_utf8(&received[..end])?;
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let length = headers(head).find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        match (status, length) {
            (Some(status), Some((_, length))) => {
                let head = end + BLANK_LINE.len();
                Ok(Some(Self { status, head, whole: head + length.parse::<usize>()? }))
            }
            _ => Err(format!("the benchmark cannot parse the head of the response:\n{head}").into()),
        }
    }
}

pub fn headers(head: &str) -> impl Iterator<Item = (&str, &str)> {
    head.split("\r\n")
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name, value.trim()))
}
