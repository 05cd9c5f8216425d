//! What stands around every call: who calls, until when, how long it took, and errors that tonic itself gives,
//! made whole.

use std::{
    convert::Infallible,
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, Request, Response, StatusCode, header::CONTENT_TYPE};
use tokio_util::sync::CancellationToken;
use tonic::{Code, body::Body};
use tower::Service;
use tracing::Instrument;

use super::{
    body::{AnswerBody, End, code_of},
    deadline::deadline_of,
    method::method_of,
    status::{complete, status_of},
};
use crate::{
    domain::{
        authentication::AuthenticationProblem,
        call::{CallContext, Deadline, TraceContext},
        caller::Caller,
        error::Error,
        peer::Peer,
    },
    service::authentication::{Authenticators, Carrier, Evidence},
    telemetry::Telemetry,
};

/// What the calls of every connection have around them.
#[derive(Debug)]
pub(crate) struct FaceLayer {
    /// Where calls are reported.
    pub telemetry: Telemetry,
    /// Recognizes who calls.
    pub callers: Authenticators,
    /// How long a call may take until its answer begins, its own message included, whatever its deadline is.
    pub answer_timeout: Duration,
    /// Cancelled when the server drains: streams end then.
    pub drain: CancellationToken,
}

impl FaceLayer {
    /// The routes with this around every call of a connection with this peer.
    pub(crate) fn around<S>(self: &Arc<Self>, inner: S, peer: Peer) -> FaceService<S> {
        FaceService { inner, face: Arc::clone(self), peer }
    }
}

/// The routes with what stands around every call of a connection.
#[derive(Debug, Clone)]
pub(crate) struct FaceService<S> {
    inner: S,
    face: Arc<FaceLayer>,
    peer: Peer,
}

/// Who makes a call, or why that is not known, which only a call that needs a caller is told.
pub(super) type Known = Result<Caller, AuthenticationProblem>;

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
        let limit = Deadline::after(self.face.answer_timeout);
        let limit = end.deadline.map_or(limit, |deadline| deadline.min(limit));
        let context = CallContext {
            deadline: Some(limit),
            trace: TraceContext::of(request.headers()),
            relayed_token: None,
        };
        let evidence = Evidence {
            peer: &self.peer,
            environment: None,
            method: request.method(),
            carrier: Carrier::Headers(request.headers()),
        };
        let known: Known =
            self.face.callers.identify(&evidence).map(|identity| identity.caller.in_call(context));
        request.extensions_mut().insert(known);
        request.extensions_mut().insert(end.clone());
        if !is_grpc(request.headers()) {
            record.finish(Code::Unknown);
            let response = Response::builder().status(StatusCode::UNSUPPORTED_MEDIA_TYPE).body(Body::empty());
            let response = response.unwrap_or_default().map(|body| AnswerBody::new(body, None, end));
            return Box::pin(ready(Ok(response)));
        }
        let answer = limit.limit(self.inner.call(request));
        Box::pin(async move {
            let answered = match record.span() {
                Some(span) => answer.instrument(span).await,
                None => answer.await,
            };
            let response = match answered {
                Ok(response) => whole(response?),
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

/// Whether the content is gRPC's; a server answers 415 to any other (PROTOCOL-HTTP2 of gRPC).
fn is_grpc(headers: &HeaderMap) -> bool {
    let said = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    said.strip_prefix("application/grpc").is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
}

/// An error that tonic gave before a handler ran, in our terms.
fn whole(response: Response<Body>) -> Response<Body> {
    complete(response.headers()).map_or(response, |status| status.into_http())
}
