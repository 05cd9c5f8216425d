//! A stream of responses, open until it is dropped.

use bytes::Bytes;
use h2::RecvStream;
use http::Response;

use crate::{
    client::{Client, PREFIX, check},
    support::tally::CallError,
};

/// The responses of a call with a response stream.
pub struct Messages(RecvStream);

impl Messages {
    /// Makes a call with a prefixed message.
    pub async fn of(client: &Client, body: Bytes) -> std::result::Result<Self, CallError> {
        let mut connection = client.connection.clone().ready().await?;
        let (response, mut send) = connection.send_request(client.request.clone(), false)?;
        send.send_data(body, true)?;
        let (head, body) = response.await?.into_parts();
        if head.headers.contains_key("grpc-status") {
            check(&Response::from_parts(head, ()), None)?;
        }
        Ok(Self(body))
    }

    /// The next message. Each is small enough for one frame, and alone in it if the server has no other at the time.
    pub async fn next(&mut self) -> std::result::Result<Bytes, CallError> {
        let Some(message) = self.0.data().await.transpose()? else {
            return Err(CallError::Status("the stream has ended".to_owned()));
        };
        self.0.flow_control().release_capacity(message.len())?;
        let length = message.first_chunk().map(|[_, length @ ..]: &[u8; PREFIX]| u32::from_be_bytes(*length));
        match length {
            Some(length) if message.len() == PREFIX + length as usize => Ok(message.slice(PREFIX..)),
            _ => Err(CallError::Status("a frame that is not one message".to_owned())),
        }
    }
}
