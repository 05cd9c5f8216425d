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

use http::{HeaderMap, Request, Response, StatusCode, header::CONTENT_TYPE, request};
use tokio_util::sync::CancellationToken;
use tonic::{Code, body::Body};
use tower::Service;
use tracing::Instrument;

use super::{
    body::{ResponseBody, StreamLimits, code_of},
    connection::GrpcConnection,
    deadline::deadline_of,
    method::{asks_nobody, method_of},
    status::{complete, status_of},
    stream::StreamBody,
};
use crate::{
    domain::{
        call::{CallContext, Deadline, TraceContext},
        caller::Caller,
        error::{Error, Result},
        peer::Peer,
    },
    server::Shutdown,
    service::{
        authentication::{Authenticators, Carrier, Evidence},
        quota::Quota,
        throttle::AddressThrottle,
    },
    telemetry::Telemetry,
};

/// What the calls of every connection have around them.
#[derive(Debug)]
pub(crate) struct FaceLayer {
    /// Where calls are reported.
    pub telemetry: Telemetry,
    /// Recognizes who calls.
    pub callers: Authenticators,
    /// How fast each address may call, where that is limited.
    pub address_throttle: Option<AddressThrottle>,
    /// How many connections there are, and whose.
    pub connections: Arc<Quota>,
    /// How long a call may take until its answer begins, its own message included, whatever its deadline is.
    pub answer_timeout: Duration,
    /// Cancelled when the server drains: streams end then.
    pub drain: CancellationToken,
}

impl FaceLayer {
    /// The routes with this around every call of a connection with this peer, which ends by `end`.
    pub(crate) fn around<S>(self: &Arc<Self>, inner: S, peer: Peer, end: Shutdown) -> FaceService<S> {
        let connection = Arc::new(GrpcConnection::new(Arc::clone(&self.connections), end));
        FaceService { inner, face: Arc::clone(self), peer, connection }
    }

    /// The answer of `inner` to a call whose caller is known, or that is for everybody. No other one gets further than
    /// here.
    async fn answer<S, B>(
        self: Arc<Self>,
        mut inner: S,
        request: Request<B>,
        peer: Peer,
        connection: Arc<GrpcConnection>,
        context: CallContext,
        end: StreamLimits,
    ) -> std::result::Result<Response<Body>, Infallible>
    where
        S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    {
        if let Some(throttle) = &self.address_throttle
            && let Err(error) = throttle.admit(peer.address.ip().into()).await
        {
            return Ok(status_of(&error).into_http());
        }
        let (mut head, body) = request.into_parts();
        if !asks_nobody(head.uri.path()) {
            let caller = self.caller(&head, &peer).await;
            match caller.and_then(|caller| connection.admit(&caller).map(|()| caller)) {
                Ok(caller) => drop(head.extensions.insert(caller.in_call(context))),
                Err(error) => return Ok(status_of(&error).into_http()),
            }
        }
        head.extensions.insert(end);
        inner.call(Request::from_parts(head, body)).await
    }

    /// Who makes a call.
    async fn caller(&self, head: &request::Parts, peer: &Peer) -> Result<Caller> {
        let carrier = Carrier::Headers(&head.headers);
        let evidence = Evidence { peer, environment: None, carrier };
        Ok(self.callers.identify(&evidence).await?.caller)
    }
}

/// The routes with what stands around every call of a connection.
#[derive(Debug, Clone)]
pub(crate) struct FaceService<S> {
    inner: S,
    face: Arc<FaceLayer>,
    peer: Peer,
    connection: Arc<GrpcConnection>,
}

impl<S, B> Service<Request<B>> for FaceService<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
    B: Send + 'static,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let method = method_of(request.uri().path());
        let mut record = self.face.telemetry.begin_call(method, request.headers());
        let end = StreamLimits { deadline: deadline_of(request.headers()), face: Arc::clone(&self.face) };
        let limit = Deadline::after(self.face.answer_timeout);
        let limit = end.deadline.map_or(limit, |deadline| deadline.min(limit));
        let context = CallContext {
            deadline: Some(limit),
            client: Some(self.peer.address.ip().into()),
            trace: TraceContext::of(request.headers()),
            relayed_token: None,
        };
        if !is_grpc(request.headers()) {
            record.finish(Code::Unknown);
            let response = Response::builder().status(StatusCode::UNSUPPORTED_MEDIA_TYPE).body(Body::empty());
            let response = response.unwrap_or_default().map(|body| ResponseBody::new(body, None, Some(end)));
            return Box::pin(ready(Ok(response)));
        }
        // The one that is ready is called, and its clone is asked next.
        let next = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, next);
        let (peer, connection) = (self.peer.clone(), Arc::clone(&self.connection));
        let answer = Arc::clone(&self.face).answer(inner, request, peer, connection, context, end.clone());
        let answer = limit.limit(answer);
        Box::pin(async move {
            let answered = match record.span() {
                Some(span) => answer.instrument(span).await,
                None => answer.await,
            };
            let mut response = match answered {
                Ok(response) => whole(response?),
                Err(_) => status_of(&Error::DeadlineExceeded).into_http(),
            };
            let code = code_of(response.headers());
            if let Some(code) = code {
                record.finish(code);
            }
            let record = code.is_none().then_some(record);
            let of_stream = response.extensions_mut().remove::<StreamBody>().and_then(|body| body.take());
            let end = of_stream.is_none().then_some(end);
            Ok(response.map(|body| ResponseBody::new(of_stream.unwrap_or(body), record, end)))
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
