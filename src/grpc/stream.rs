//! Calls with a stream of responses.
//!
//! A watch sends one message immediately, and then stays open for hours, together with up to a hundred
//! thousand others. Therefore streams have a body of their own: tonic's keeps the buffer of the last message
//! for as long as it lives, which is half of the memory that a watch may take.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::{BufMut, Bytes, BytesMut};
use futures_core::stream::BoxStream;
use futures_util::{
    StreamExt,
    stream::{Empty, empty},
};
use http_body::Frame;
use prost::Message;
use tokio::sync::mpsc::{self, OwnedPermit, Receiver, Sender};
use tonic::{Request, Response, Status, body::Body};

use super::{
    body::{StreamLimits, trailers_of},
    call::{caller_of, unary},
    status::status_of,
};
use crate::domain::{call::CallContext, caller::Caller, error::Result};

/// How many messages a stream buffers for a slow client before its use case waits.
const ANSWERS_HELD: usize = 4;

/// How many encoded bytes are collected before they are sent, as in tonic.
const YIELD_THRESHOLD: usize = 32 * 1024;

/// The length of the message prefix: a compression flag and the message length (PROTOCOL-HTTP2 of gRPC).
const PREFIX: usize = 5;

/// The stream that tonic requires. It is empty, because the messages are in [`StreamBody`].
pub(super) type EmptyStream<T> = Empty<std::result::Result<T, Status>>;

/// A message on its way to the body. Boxed, because a channel allocates room for dozens.
type StreamItem<V> = Box<std::result::Result<V, Status>>;

/// The body of a stream. It is an extension of the response, and replaces tonic's body.
#[derive(Clone)]
pub(super) struct StreamBody(Arc<Mutex<Option<Body>>>);

impl StreamBody {
    fn new<V: Message + 'static>(answers: Receiver<StreamItem<V>>) -> Self {
        Self(Arc::new(Mutex::new(Some(Body::new(EncodedStream { answers: Some(answers), end: None })))))
    }

    /// Takes the body; `None` after the first call.
    pub(super) fn take(&self) -> Option<Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Runs a use case with a stream of responses, and ends the stream in time.
///
/// A separate task reads from the use case, because a body is not polled while its client has no flow-control
/// window: the stream must end at its deadline and release its resources, whatever the client does.
pub(super) async fn streaming<T, U, V, Work>(
    mut request: Request<T>,
    work: impl FnOnce(Caller, T) -> Work,
    render: impl Fn(U) -> V + Send + Sync + 'static,
) -> std::result::Result<Response<EmptyStream<V>>, Status>
where
    Work: Future<Output = Result<BoxStream<'static, Result<U>>>>,
    U: Send + 'static,
    V: Message + 'static,
{
    let end = request.extensions().get::<StreamLimits>().cloned();
    // The server's own limit applies only until the response begins; a stream continues for as long as its
    // caller keeps it open.
    if let Ok(caller) = caller_of(&request) {
        let deadline = end.as_ref().and_then(|end| end.deadline);
        let context = CallContext { deadline, ..caller.context().clone() };
        request.extensions_mut().insert(caller.in_call(context));
    }
    let answers = unary(request, work).await?.into_inner();
    let (sender, receiver) = mpsc::channel(ANSWERS_HELD + 1);
    // Reserve room for the status of an early end, so that a full channel cannot lose it.
    let last = sender.clone().try_reserve_owned();
    tokio::spawn(forward(answers, render, sender, end.zip(last.ok())));
    let mut response = Response::new(empty());
    response.extensions_mut().insert(StreamBody::new(receiver));
    Ok(response)
}

/// Forwards messages until there are no more, the receiver is dropped, or the stream has to end.
async fn forward<U, V>(
    mut answers: BoxStream<'static, Result<U>>,
    render: impl Fn(U) -> V,
    sender: Sender<StreamItem<V>>,
    early: Option<(StreamLimits, OwnedPermit<StreamItem<V>>)>,
) {
    let all = async {
        while let Some(answer) = answers.next().await {
            let answer = Box::new(answer.map(&render).map_err(|error| status_of(&error)));
            if sender.send(answer).await.is_err() {
                return;
            }
        }
    };
    let early = async {
        match early {
            Some((end, last)) => drop(last.send(Box::new(Err(status_of(&end.reached().await))))),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = all => {}
        () = early => {}
        () = sender.closed() => {}
    }
}

/// Messages in the wire format of gRPC.
struct EncodedStream<V> {
    /// `None` after the last message.
    answers: Option<Receiver<StreamItem<V>>>,
    /// The final status, until it is sent.
    end: Option<Status>,
}

impl<V: Message> EncodedStream<V> {
    /// Encodes the messages that are ready.
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<BytesMut> {
        let mut data = BytesMut::new();
        while let Some(answers) = &mut self.answers
            && data.len() < YIELD_THRESHOLD
        {
            let answer = match answers.poll_recv(context) {
                Poll::Ready(Some(answer)) => *answer,
                Poll::Ready(None) => Err(Status::ok("")),
                Poll::Pending if data.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            };
            if let Err(end) = answer.and_then(|message| put(&message, &mut data)) {
                (self.answers, self.end) = (None, Some(end));
            }
        }
        Poll::Ready(data)
    }
}

fn put(message: &impl Message, data: &mut BytesMut) -> std::result::Result<(), Status> {
    let length = message.encoded_len();
    let prefix = u32::try_from(length).map_err(|error| Status::internal(error.to_string()))?;
    data.reserve(PREFIX + length);
    data.put_u8(0);
    data.put_u32(prefix);
    message.encode(data).map_err(|error| Status::internal(error.to_string()))
}

impl<V: Message> http_body::Body for EncodedStream<V> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Status>>> {
        let data = ready!(self.poll_data(context));
        if !data.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(data.freeze()))));
        }
        Poll::Ready(self.end.take().map(|end| Ok(Frame::trailers(trailers_of(end)))))
    }
}

impl fmt::Debug for StreamBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StreamBody").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt, stream};
    use http_body_util::BodyExt;

    use super::*;
    use crate::domain::error::Error;

    fn body_of(answers: Vec<Result<String>>) -> Body {
        let (sender, receiver) = mpsc::channel(ANSWERS_HELD);
        let answers = stream::iter(answers).boxed();
        forward(answers, |text| text, sender, None).now_or_never().expect("there is room for all");
        StreamBody::new(receiver).take().expect("not taken yet")
    }

    #[tokio::test]
    async fn ready_messages_are_sent_together_before_the_status() {
        let answers = vec![Ok("one".to_owned()), Ok("two".to_owned()), Err(Error::ShuttingDown)];
        let mut body = body_of(answers);
        let data = body.frame().await.expect("a frame").expect("no error").into_data().expect("data");
        assert_eq!(&data[..], b"\0\0\0\0\x05\x0a\x03one\0\0\0\0\x05\x0a\x03two");
        let trailers = body.frame().await.expect("a frame").expect("no error").into_trailers();
        assert_eq!(trailers.expect("trailers")["grpc-status"], "14");
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn a_complete_stream_ends_with_ok() {
        let mut body = body_of(Vec::new());
        let trailers = body.frame().await.expect("a frame").expect("no error").into_trailers();
        assert_eq!(trailers.expect("trailers")["grpc-status"], "0");
    }

    #[test]
    fn a_waiting_stream_reserves_no_space_for_messages() {
        type Large = [u8; 10_000];
        let (sender, _receiver) = mpsc::channel::<StreamItem<Large>>(1);
        let task = forward(stream::empty::<Result<u8>>().boxed(), |byte| [byte; 10_000], sender, None);
        assert!(size_of_val(&task) < 1_000, "{}", size_of_val(&task));
    }
}
