//! Calls that are answered with a stream.
//!
//! A watch says one thing at once, and then a hundred thousand of them are open for hours. So a stream has a body of its own:
//! tonic's keeps the buffer of the last message for as long as it lives, which is half of what a watch may cost.

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

/// How many answers a stream holds for a client that is slow to take them; then its use case waits.
const ANSWERS_HELD: usize = 4;

/// How many encoded bytes may gather before they are sent, as tonic has it.
const YIELD_THRESHOLD: usize = 32 * 1024;

/// Whether a message is compressed, and its length: what stands before each (PROTOCOL-HTTP2 of gRPC).
const PREFIX: usize = 5;

/// The answers as tonic asks for them: none. They go by [`StreamBody`].
pub(super) type EmptyStream<T> = Empty<std::result::Result<T, Status>>;

/// An answer on its way to the body. In a box, since a channel has room for dozens at once.
type StreamItem<V> = Box<std::result::Result<V, Status>>;

/// The body of a stream, which goes along with the response to stand in the place of tonic's.
#[derive(Clone)]
pub(super) struct StreamBody(Arc<Mutex<Option<Body>>>);

impl StreamBody {
    fn new<V: Message + 'static>(answers: Receiver<StreamItem<V>>) -> Self {
        Self(Arc::new(Mutex::new(Some(Body::new(EncodedStream { answers: Some(answers), end: None })))))
    }

    /// The body, for whoever takes it first.
    pub(super) fn take(&self) -> Option<Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Runs a use case that answers with a stream, which ends in time by itself.
///
/// A task of its own takes the answers from the use case, because a body is not even asked for its next frame while
/// its client gives it no room to send: the stream must end at its deadline, and let go of what it holds, whatever
/// the client does.
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
    // The server's own limit is for the beginning of the answer: a stream goes on for as long as its caller wants.
    if let Ok(caller) = caller_of(&request) {
        let deadline = end.as_ref().and_then(|end| end.deadline);
        let context = CallContext { deadline, ..caller.context().clone() };
        request.extensions_mut().insert(caller.in_call(context));
    }
    let answers = unary(request, work).await?.into_inner();
    let (sender, receiver) = mpsc::channel(ANSWERS_HELD + 1);
    // The room for how a stream ends early is kept from the beginning: a full channel must not lose it.
    let last = sender.clone().try_reserve_owned();
    tokio::spawn(pass_on(answers, render, sender, end.zip(last.ok())));
    let mut response = Response::new(empty());
    response.extensions_mut().insert(StreamBody::new(receiver));
    Ok(response)
}

/// Passes the answers on until there are no more, nobody takes them any more, or it is time to end.
async fn pass_on<U, V>(
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
            Some((end, last)) => drop(last.send(Box::new(Err(status_of(&end.come().await))))),
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

/// What was answered, as gRPC has it on the wire.
struct EncodedStream<V> {
    /// Gone once they have ended.
    answers: Option<Receiver<StreamItem<V>>>,
    /// How they ended, until that is told.
    end: Option<Status>,
}

impl<V: Message> EncodedStream<V> {
    /// Encodes what there is.
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
        pass_on(answers, |text| text, sender, None).now_or_never().expect("there is room for all");
        StreamBody::new(receiver).take().expect("the first to take it")
    }

    #[tokio::test]
    async fn answers_that_are_there_leave_together_and_how_the_stream_ended_comes_last() {
        let answers = vec![Ok("one".to_owned()), Ok("two".to_owned()), Err(Error::ShuttingDown)];
        let mut body = body_of(answers);
        let data = body.frame().await.expect("is not over").expect("goes well").into_data().expect("data");
        assert_eq!(&data[..], b"\0\0\0\0\x05\x0a\x03one\0\0\0\0\x05\x0a\x03two");
        let trailers = body.frame().await.expect("is not over").expect("goes well").into_trailers();
        assert_eq!(trailers.expect("trailers")["grpc-status"], "14");
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn a_stream_that_has_said_all_ends_with_ok() {
        let mut body = body_of(Vec::new());
        let trailers = body.frame().await.expect("is not over").expect("goes well").into_trailers();
        assert_eq!(trailers.expect("trailers")["grpc-status"], "0");
    }

    #[test]
    fn a_stream_that_waits_has_no_place_for_whole_messages() {
        type Large = [u8; 10_000];
        let (sender, _receiver) = mpsc::channel::<StreamItem<Large>>(1);
        let task = pass_on(stream::empty::<Result<u8>>().boxed(), |byte| [byte; 10_000], sender, None);
        assert!(size_of_val(&task) < 1_000, "{}", size_of_val(&task));
    }
}
