//! Calls to any method, with raw bytes as messages.

use std::{error::Error, fmt::Debug};

use bytes::{Buf, BufMut, Bytes};
use tonic::{
    Request, Status,
    body::Body,
    client::{Grpc, GrpcService},
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

/// A transport for calls: a tonic channel or a connection of the test.
pub trait Connection: GrpcService<Body, Error: Debug, ResponseBody: AnswerBody> {}

impl<T: GrpcService<Body, Error: Debug, ResponseBody: AnswerBody>> Connection for T {}

/// A response body.
pub trait AnswerBody: http_body::Body<Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static {}

impl<T: http_body::Body<Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static> AnswerBody for T {}

/// Returns the first response message of a method.
///
/// # Errors
/// Returns the call's status if there is no message.
pub async fn first_answer(
    channel: impl Connection,
    method: &str,
    token: Option<&str>,
    message: Vec<u8>,
) -> Result<Bytes, Status> {
    let origin = http::Uri::from_static("http://passbridge.test");
    let mut client = Grpc::with_origin(channel, origin);
    client.ready().await.expect("connects");
    let mut request = Request::new(tokio_stream::once(Bytes::from(message)));
    if let Some(token) = token {
        let line = format!("Bearer {token}").parse().expect("a header's value");
        request.metadata_mut().insert("authorization", line);
    }
    let path = method.parse().expect("a path");
    let mut answers = client.streaming(request, path, Plain).await?.into_inner();
    Ok(answers.message().await?.unwrap_or_default())
}

/// A codec that passes bytes through.
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        Ok(Some(bytes))
    }
}
