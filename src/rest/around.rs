//! What stands around every call: from where it comes, whether it comes too fast, how long it may take, and how it is
//! reported.

use std::net::{Ipv4Addr, SocketAddr};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Uri};
use tokio::time::timeout;
use tracing::Instrument;

use super::{
    Face,
    address::Addresses,
    call,
    failure::{Failure, Shape, shape},
    route::{self, route_of},
};
use crate::{domain::error::Error, server::Peer};

/// The longest URI, in bytes. Device information of the usual size fits in ten times over.
const URI_MAX: usize = 16 * 1024;

pub(super) async fn around(State(face): State<Face>, mut request: Request, next: Next) -> Response {
    let route = route_of(request.extensions().get::<MatchedPath>().map(MatchedPath::as_str));
    let mut record = face.telemetry.begin_request(request.method(), route, request.headers());
    let (uri, headers) = (request.uri().clone(), wanted(request.headers()));
    let answer = async {
        let addresses = addresses(&face, &request);
        request.extensions_mut().insert(addresses);
        if uri.path_and_query().map_or(0, |uri| uri.as_str().len()) > URI_MAX {
            return Failure::UriTooLong(URI_MAX).into_response();
        }
        if let Err(error) = face.throttle.admit_call(addresses.client) {
            return Failure::from(error).into_response();
        }
        let answer = timeout(face.answer_timeout, next.run(request)).await;
        answer.unwrap_or_else(|_| Failure::from(Error::DeadlineExceeded).into_response())
    };
    let response = match record.span() {
        Some(span) => answer.instrument(span).await,
        None => answer.await,
    };
    let response = shape(response, || shape_of(route, &uri, &headers, &face));
    record.finish(response.status());
    response
}

/// The headers by which an early failure chooses its format: the others need not be kept.
fn wanted(headers: &HeaderMap) -> HeaderMap {
    let accept = headers.get_all(http::header::ACCEPT).iter();
    accept.map(|value| (http::header::ACCEPT, value.clone())).collect()
}

fn addresses(face: &Face, request: &Request) -> Addresses {
    let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let peer = request.extensions().get::<Peer>().map_or(nowhere, |peer| peer.0);
    Addresses::new(peer, request.headers(), &face.trusted_proxies)
}

/// In which words a failure is told that came before the form was read.
fn shape_of(route: &str, uri: &Uri, headers: &HeaderMap, face: &Face) -> Shape {
    if matches!(route, route::REGISTER | route::TOKEN) {
        return Shape::OAuth;
    }
    Shape::Documented(call::early_format(uri, headers, face.default_format))
}
