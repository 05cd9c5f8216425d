//! A recorded response of passbridge, which the reference sends.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use crate::{
    answer::{Outline, headers},
    support::Result,
};

/// A received response.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    /// Parses a response, without the headers that hyper adds itself.
    pub fn of(received: &[u8]) -> Result<Self> {
        let Outline { status, head, .. } = Outline::of(received)?.ok_or("the response is incomplete")?;
        let (head, body) = received.split_at(head);
        let by_hyper = |name: &str| ["content-length", "date"].contains(&name);
        let headers = headers(std::str::from_utf8(head)?).filter(|(name, _)| !by_hyper(name));
        Ok(Self {
            status,
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: std::str::from_utf8(body)?.to_owned(),
        })
    }

    /// The response for the server to send repeatedly.
    pub fn prepare(self) -> Result<(StatusCode, HeaderMap, Bytes)> {
        let header = |(name, value): (String, String)| -> Result<_> {
            Ok((HeaderName::try_from(name)?, HeaderValue::try_from(value)?))
        };
        let headers = self.headers.into_iter().map(header).collect::<Result<_>>()?;
        Ok((StatusCode::from_u16(self.status)?, headers, self.body.into()))
    }
}
