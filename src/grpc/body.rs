//! The body of a response. It records how the call ended, and ends streams that are out of time.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tonic::{Code, Status, body::Body};

use super::{
    layer::FaceLayer,
    status::{complete, status_of},
};
use crate::{
    domain::{call::Deadline, error::Error},
    telemetry::CallRecord,
};

/// The conditions that end a stream early.
#[derive(Debug, Clone)]
pub(super) struct StreamLimits {
    /// The caller's deadline, which applies to the whole stream.
    pub(super) deadline: Option<Deadline>,
    /// Has the token that is cancelled when the server drains.
    pub(super) face: Arc<FaceLayer>,
}

type EarlyEndFuture = Pin<Box<dyn Future<Output = Error> + Send>>;

/// A response body, with the record of its call.
pub(crate) struct ResponseBody {
    body: Body,
    /// `None` after the end of the call has been recorded.
    record: Option<CallRecord>,
    /// `None` if the body ends in time by itself.
    end: Option<StreamLimits>,
    /// Created when the body first has to be waited for, which never happens for a unary call.
    early_end: Option<EarlyEndFuture>,
    over: bool,
}

impl std::fmt::Debug for ResponseBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ResponseBody").field("over", &self.over).finish_non_exhaustive()
    }
}

impl ResponseBody {
    pub(super) fn new(body: Body, record: Option<CallRecord>, end: Option<StreamLimits>) -> Self {
        Self { body, record, end, early_end: None, over: false }
    }

    fn record_end(&mut self, trailers: Option<&HeaderMap>) {
        if let Some(code) = trailers.and_then(code_of)
            && let Some(mut record) = self.record.take()
        {
            record.finish(code);
        }
    }
}

impl StreamLimits {
    pub(super) async fn reached(self) -> Error {
        let deadline = async {
            match self.deadline {
                Some(deadline) => deadline.come().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = deadline => Error::DeadlineExceeded,
            () = self.face.drain.cancelled() => Error::ShuttingDown,
        }
    }
}

/// The trailers that carry a status.
pub(super) fn trailers_of(status: Status) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    // Fails only if a value is not valid in a header, which the encoding of the status prevents.
    let _ = status.add_header(&mut trailers);
    trailers
}

/// The status code in headers or trailers.
pub(super) fn code_of(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|value| Code::from_bytes(value.as_bytes()))
}

impl http_body::Body for ResponseBody {
    type Data = <Body as http_body::Body>::Data;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = &mut *self;
        if this.over {
            return Poll::Ready(None);
        }
        // Data that is ready is sent before the stream ends.
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            let trailers = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.trailers_ref());
            let whole = trailers.and_then(complete).map(|status| Frame::trailers(trailers_of(status)));
            this.record_end(whole.as_ref().and_then(Frame::trailers_ref).or(trailers));
            return Poll::Ready(whole.map(Ok).or(frame));
        }
        let Some(end) = &this.end else { return Poll::Pending };
        let early_end = this.early_end.get_or_insert_with(|| Box::pin(end.clone().reached()));
        let error = ready!(early_end.as_mut().poll(context));
        this.over = true;
        let trailers = trailers_of(status_of(&error));
        this.record_end(Some(&trailers));
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
