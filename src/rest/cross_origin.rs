//! CORS (Fetch standard): calls of web pages from a browser.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use axum::{extract::Request, response::Response};
use futures_util::future::Either;
use http::{HeaderName, HeaderValue, Method, header::ORIGIN};
use tower::{Layer, Service};
use tower_http::cors::{AllowCredentials, AllowOrigin, Cors, CorsLayer};

use crate::config::CorsOrigin;

/// How long a browser may cache the result of a preflight request.
const CORS_MAX_AGE: Duration = Duration::from_secs(3600);

/// The request headers that a web page may send: those in the provider's responses (reference of the entitlement API,
/// section 1.0), and `Accept`.
const REQUEST_HEADERS: [&str; 14] = [
    "ap_11",
    "ap_42",
    "ap_z",
    "ap_19",
    "ap_21",
    "ap_23",
    "authorization",
    "content-type",
    "pass_sfp",
    "ap-session-identifier",
    "ap-device-identifier",
    "ap-sdk-identifier",
    "x-device-info",
    "accept",
];

/// The response headers that a web page may read: those in the provider's responses, and this server's headers of errors.
const RESPONSE_HEADERS: [&str; 6] = [
    "pass_sfp",
    "authzf-error-code",
    "authzf-sub-error-code",
    "authzf-error-details",
    "retry-after",
    "www-authenticate",
];

/// The layer that answers preflight requests and adds CORS headers to responses.
#[derive(Clone)]
pub(super) struct CrossOrigin(CorsLayer);

/// A service with this layer.
#[derive(Clone)]
pub(super) struct CrossOriginService<S> {
    cors: Cors<S>,
    service: S,
}

impl CrossOrigin {
    /// Creates the layer for pages of these origins; `None` without any. A listed origin may call with credentials, as
    /// documented. If any origin is allowed, pages may call only without credentials (Fetch, section 3.3.5).
    pub(super) fn of(origins: &[CorsOrigin]) -> Option<Self> {
        let allows_any = origins.contains(&CorsOrigin::Any);
        let listed: Vec<HeaderValue> = origins
            .iter()
            .filter_map(|origin| match origin {
                CorsOrigin::Only(origin) if !allows_any => Some(origin.clone()),
                CorsOrigin::Only(_) | CorsOrigin::Any => None,
            })
            .collect();
        let allow_origin = if allows_any { AllowOrigin::any() } else { AllowOrigin::list(listed.clone()) };
        let is_listed = move |origin: &HeaderValue| listed.contains(origin);
        let layer = CorsLayer::new()
            .allow_origin(allow_origin)
            .allow_credentials(AllowCredentials::predicate(move |origin, _| is_listed(origin)))
            .allow_methods([Method::POST, Method::GET, Method::OPTIONS, Method::DELETE])
            .allow_headers(REQUEST_HEADERS.map(HeaderName::from_static))
            .expose_headers(RESPONSE_HEADERS.map(HeaderName::from_static))
            .max_age(CORS_MAX_AGE);
        (!origins.is_empty()).then_some(Self(layer))
    }
}

impl<S: Clone> Layer<S> for CrossOrigin {
    type Service = CrossOriginService<S>;

    fn layer(&self, service: S) -> CrossOriginService<S> {
        CrossOriginService { cors: self.0.layer(service.clone()), service }
    }
}

impl<S> Service<Request> for CrossOriginService<S>
where
    S: Service<Request, Response = Response> + Clone,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Either<<Cors<S> as Service<Request>>::Future, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        std::task::ready!(self.cors.poll_ready(context))?;
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // OPTIONS without an origin is not a preflight request: it asks for the methods of the path.
        if request.method() == Method::OPTIONS && !request.headers().contains_key(ORIGIN) {
            Either::Right(self.service.call(request))
        } else {
            Either::Left(self.cors.call(request))
        }
    }
}
