//! The layer around every call: authentication, deadline, metrics, and details for errors that tonic itself
//! returns.

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
    method::{is_public, method_of},
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

/// The state that the calls of all connections share.
#[derive(Debug)]
pub(crate) struct FaceLayer {
    /// Records calls.
    pub telemetry: Telemetry,
    /// Authenticates callers.
    pub callers: Authenticators,
    /// The rate limit by client address, if one is configured.
    pub address_throttle: Option<AddressThrottle>,
    /// The connection quota, with the share of each caller.
    pub connections: Arc<Quota>,
    /// The time from the start of a call, including its request message, until its response begins, whatever
    /// its deadline is.
    pub answer_timeout: Duration,
    /// Cancelled when the server drains; streams then end.
    pub drain: CancellationToken,
}

impl FaceLayer {
    /// Wraps the routes for one connection. `end` shuts the connection down.
    pub(crate) fn wrap<S>(self: &Arc<Self>, inner: S, peer: Peer, end: Shutdown) -> FaceService<S> {
        let connection = Arc::new(GrpcConnection::new(Arc::clone(&self.connections), end));
        FaceService { inner, face: Arc::clone(self), peer, connection }
    }

    /// Calls `inner` if the call is authenticated or needs no authentication. Other calls do not get past
    /// this point.
    async fn handle<S, B>(
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
        if !is_public(head.uri.path()) {
            let caller = self.caller(&head, &peer).await;
            match caller.and_then(|caller| connection.admit(&caller).map(|()| caller)) {
                Ok(caller) => drop(head.extensions.insert(caller.in_call(context))),
                Err(error) => return Ok(status_of(&error).into_http()),
            }
        }
        head.extensions.insert(end);
        inner.call(Request::from_parts(head, body)).await
    }

    /// Authenticates the caller of a call.
    async fn caller(&self, head: &request::Parts, peer: &Peer) -> Result<Caller> {
        let carrier = Carrier::Headers(&head.headers);
        let evidence = Evidence { peer, environment: None, carrier };
        Ok(self.callers.identify(&evidence).await?.caller)
    }
}

/// The routes of one connection, with the layer around every call.
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
        // The service that is ready is called; `poll_ready` polls its clone next.
        let next = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, next);
        let (peer, connection) = (self.peer.clone(), Arc::clone(&self.connection));
        let answer = Arc::clone(&self.face).handle(inner, request, peer, connection, context, end.clone());
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

/// Whether the content type is gRPC's. The server responds to any other with 415 (PROTOCOL-HTTP2 of gRPC).
fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type
        .strip_prefix("application/grpc")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
}

/// Adds our details to an error that tonic returned before a handler ran.
fn whole(response: Response<Body>) -> Response<Body> {
    complete(response.headers()).map_or(response, |status| status.into_http())
}
