//! What stands around every call: who calls, how long it took, and errors that tonic itself gives, made whole.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};
use tracing::Instrument;

use super::{method::method_of, status::status_of};
use crate::{
    domain::{caller::Caller, error::Error},
    telemetry::{CallRecord, Telemetry},
};

/// Puts [`FaceService`] around the routes.
#[derive(Debug, Clone)]
pub struct FaceLayer {
    telemetry: Telemetry,
    caller: Caller,
    answer_timeout: Duration,
}

impl FaceLayer {
    /// A layer that reports to `telemetry`, takes every call for one of `caller`, and waits for the beginning of
    /// an answer, the request's message included, for `answer_timeout` at most.
    #[must_use]
    pub fn new(telemetry: Telemetry, caller: Caller, answer_timeout: Duration) -> Self {
        Self { telemetry, caller, answer_timeout }
    }
}

impl<S> Layer<S> for FaceLayer {
    type Service = FaceService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let Self { telemetry, caller, answer_timeout } = self.clone();
        FaceService { inner, telemetry, caller, answer_timeout }
    }
}

/// The routes with what stands around every call.
#[derive(Debug, Clone)]
pub struct FaceService<S> {
    inner: S,
    telemetry: Telemetry,
    caller: Caller,
    answer_timeout: Duration,
}

impl<S, B> Service<Request<B>> for FaceService<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<ObservedBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let method = method_of(request.uri().path());
        let mut record = self.telemetry.begin_call(method, request.headers());
        request.extensions_mut().insert(self.caller.clone());
        let answer = tokio::time::timeout(self.answer_timeout, self.inner.call(request));
        Box::pin(async move {
            let answered = match record.span() {
                Some(span) => answer.instrument(span).await,
                None => answer.await,
            };
            let response = match answered {
                Ok(response) => complete(response?),
                Err(_) => status_of(&Error::DeadlineExceeded).into_http(),
            };
            let code = code_of(response.headers());
            if let Some(code) = code {
                record.finish(code);
            }
            let record = code.is_none().then_some(record);
            Ok(response.map(|body| ObservedBody { body, record }))
        })
    }
}

/// Errors that tonic gives before a handler runs have no details; these say the same in our terms.
fn complete(response: Response<Body>) -> Response<Body> {
    let code = match code_of(response.headers()) {
        None | Some(Code::Ok) => return response,
        Some(_) if response.headers().contains_key("grpc-status-details-bin") => return response,
        Some(code) => code,
    };
    let message = Status::from_header_map(response.headers())
        .map(|status| status.message().to_owned())
        .unwrap_or_default();
    let error = match code {
        // tonic's words for a message over the limit (OUT_OF_RANGE) and for bytes that are no message (INTERNAL).
        Code::OutOfRange | Code::ResourceExhausted => Error::MessageTooLarge(message),
        Code::Internal | Code::InvalidArgument | Code::Unknown => Error::MalformedMessage(message),
        Code::Unimplemented => Error::Unsupported(if message.is_empty() {
            "this server has no such method; reflection lists those that it has".to_owned()
        } else {
            message
        }),
        _ => return response,
    };
    status_of(&error).into_http()
}

fn code_of(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|value| Code::from_bytes(value.as_bytes()))
}

/// A body that tells how the call ended: by its trailers, or by being dropped before them.
#[derive(Debug)]
pub struct ObservedBody {
    body: Body,
    record: Option<CallRecord>,
}

impl http_body::Body for ObservedBody {
    type Data = <Body as http_body::Body>::Data;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(code) = frame.trailers_ref().and_then(code_of)
            && let Some(mut record) = self.record.take()
        {
            record.finish(code);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
