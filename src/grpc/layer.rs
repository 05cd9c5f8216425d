//! What stands around every call: who calls, until when, how long it took, and errors that tonic itself gives,
//! made whole.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};
use tracing::Instrument;

use super::{
    body::{AnswerBody, End, code_of},
    deadline::deadline_of,
    method::method_of,
    status::status_of,
};
use crate::{
    domain::{caller::Caller, error::Error},
    telemetry::Telemetry,
};

/// Puts [`FaceService`] around the routes.
#[derive(Debug, Clone)]
pub struct FaceLayer {
    /// Where calls are reported.
    pub telemetry: Telemetry,
    /// Who every call is taken to come from.
    pub caller: Caller,
    /// How long a call may take until its answer begins, its own message included, whatever its deadline is.
    pub answer_timeout: Duration,
    /// Cancelled when the server drains: streams end then.
    pub drain: CancellationToken,
}

impl<S> Layer<S> for FaceLayer {
    type Service = FaceService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        FaceService { inner, face: Arc::new(self.clone()) }
    }
}

/// The routes with what stands around every call.
#[derive(Debug, Clone)]
pub struct FaceService<S> {
    inner: S,
    face: Arc<FaceLayer>,
}

impl<S, B> Service<Request<B>> for FaceService<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let method = method_of(request.uri().path());
        let mut record = self.face.telemetry.begin_call(method, request.headers());
        let end = End { deadline: deadline_of(request.headers()), face: Arc::clone(&self.face) };
        let limit = Instant::now() + self.face.answer_timeout;
        let limit = end.deadline.map_or(limit, |deadline| deadline.min(limit));
        request.extensions_mut().insert(self.face.caller.clone());
        let answer = timeout_at(limit, self.inner.call(request));
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
            Ok(response.map(|body| AnswerBody::new(body, record, end)))
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
        // Only the health service gives this one, when it is asked for a service that there is not.
        Code::NotFound => Error::ServiceUnknown,
        Code::Unimplemented => Error::Unsupported(if message.is_empty() {
            "this server has no such method; reflection lists those that it has".to_owned()
        } else {
            message
        }),
        _ => return response,
    };
    status_of(&error).into_http()
}
