//! The middleware of every call: addresses, rate limit, timeout and telemetry.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, Method, StatusCode, Uri,
    header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING},
};
use tracing::Instrument;

use super::{
    RestFace,
    address::Addresses,
    call,
    failure::{ErrorShape, Failure, is_failure, shape, unshaped},
    route::{self, OTHER, route_of},
};
use crate::domain::{
    call::Deadline,
    error::{Error, Violation},
    peer::Peer,
};

/// The maximum length of a URI, in bytes: ten times the usual size of device information.
const URI_MAX: usize = 16 * 1024;

pub(super) async fn around(State(face): State<RestFace>, mut request: Request, next: Next) -> Response {
    let route = route_of(request.extensions().get::<MatchedPath>().map(MatchedPath::as_str));
    let mut record = face.telemetry.begin_request(request.method(), route, request.headers());
    let early_shape = early_shape(route, &request, &face);
    let has_body =
        [CONTENT_LENGTH, TRANSFER_ENCODING].iter().any(|name| request.headers().contains_key(name));
    let mut refused = false;
    let answer = async {
        let addresses = match addresses(&face, &request) {
            Ok(addresses) => addresses,
            Err(failure) => return failure.into_response(),
        };
        let refusal = match face.address_throttle.admit(addresses.client).await {
            Err(error) => Some(Failure::from(error)),
            Ok(()) if length(request.uri()) > URI_MAX => Some(Failure::UriTooLong(URI_MAX)),
            Ok(()) if route::has_dot_segments(request.uri().path()) => Some(dot_segments()),
            Ok(()) => None,
        };
        refused = refusal.is_some();
        match refusal {
            // A preflight request is refused before the CORS layer.
            Some(failure) if request.method() == Method::OPTIONS => return failure.into_response(),
            Some(failure) => drop(request.extensions_mut().insert(RefusedCall(Arc::new(failure)))),
            None => {}
        }
        request.extensions_mut().insert(addresses);
        request.extensions_mut().insert(Deadline::after(face.answer_timeout));
        next.run(request).await
    };
    let response = match record.span() {
        Some(span) => answer.instrument(span).await,
        None => answer.await,
    };
    let is_unread_path = route == OTHER && is_failure(&response);
    let is_unread =
        has_body && (is_unread_path || response.status() == StatusCode::METHOD_NOT_ALLOWED || refused);
    let mut response = shape(response, early_shape);
    if is_unread {
        // The rest of the body is not read, so the client must not reuse the connection.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    record.finish(response.status());
    response
}

/// Returns the answer to a call that was refused before routing. It is given inside the CORS layer, so that a web page can
/// read the refusal.
pub(super) fn refusal(request: &Request) -> Option<Response> {
    request.extensions().get().map(|RefusedCall(failure)| unshaped(Arc::clone(failure)))
}

/// The reason why a call is not routed.
#[derive(Clone)]
struct RefusedCall(Arc<Failure>);

fn dot_segments() -> Failure {
    Error::from(Violation::new("path", "must not have dot segments (. or ..); send the resolved path")).into()
}

fn length(uri: &Uri) -> usize {
    uri.path_and_query().map_or(0, |uri| uri.as_str().len())
}

fn addresses(face: &RestFace, request: &Request) -> Result<Addresses, Failure> {
    let peer = request.extensions().get::<Peer>();
    let peer = peer.ok_or_else(|| Error::Internal("a call without a peer".to_owned()))?;
    Ok(Addresses::new(peer.address, request.headers(), &face.trusted_proxies))
}

/// Returns the shape of a failure before the form is read.
fn early_shape(route: &str, request: &Request, face: &RestFace) -> ErrorShape {
    if matches!(route, route::REGISTER | route::TOKEN) {
        return ErrorShape::OAuth;
    }
    let format = call::early_format(request.uri(), request.headers(), face.default_format);
    ErrorShape::of_path(request.uri().path(), format)
}
