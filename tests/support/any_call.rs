//! Calls to whatever method there is, of bytes to bytes.

use bytes::{Buf, BufMut, Bytes};
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Channel,
};

/// The first message that a method answers to this one.
///
/// # Errors
/// The status that it answers in the place of one.
pub async fn first_answer(
    channel: Channel,
    method: &str,
    token: Option<&str>,
    message: Vec<u8>,
) -> Result<Bytes, Status> {
    let mut client = Grpc::new(channel);
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

/// Bytes as they are.
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
