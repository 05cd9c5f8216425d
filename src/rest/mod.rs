//! The REST face: version 1 of the provider's REST API as deployed devices use it (reference, sections 2, 3, 5 and 6).
//! It is a peer of the gRPC face: both create a `Caller`, call the same use cases, and render the same errors.
//!
//! | module | contents |
//! |---|---|
//! | `middleware` | the middleware of every call: addresses, rate limit, timeout, metrics |
//! | `call` | reading of a request: body, parameters, format, environment |
//! | `address`, `parameters`, `format`, `identity`, `encoding` | the parts of that; compressed bodies |
//! | `route` | the names of paths |
//! | `regcode` | registration codes: create, read, delete |
//! | `entitlement` | `/api/v1`: logins, decisions, user metadata |
//! | `cross_origin` | calls of web pages from a browser (CORS) |
//! | `reset` | TempPasses: reset |
//! | `client_registration` | `/o/client`: register, token |
//! | `record` | a record in JSON and XML |
//! | `over_v1` | the v1 flow of requestors whose backend is version 1 of the upstream |
//! | `unnamed_requestor` | the requestor of a v1 flow call that does not name it in the path, query or signature |
//! | `passthrough` | every other path |
//! | `failure` | errors in JSON, XML and HTML, and their statuses |

#![warn(clippy::large_futures)]

mod address;
mod call;
mod client_registration;
mod cross_origin;
mod encoding;
mod entitlement;
mod failure;
mod format;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod identity;
mod middleware;
mod over_v1;
mod parameters;
mod passthrough;
mod record;
mod regcode;
mod reset;
mod route;
mod unnamed_requestor;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    middleware::from_fn_with_state,
    routing::{MethodRouter, delete, get, post},
};
use http::{HeaderName, Method, Request};
use hyper::body::Incoming;
use tower::util::MapRequest;

use cross_origin::CrossOrigin;

use crate::{
    config::{CorsOrigin, DeviceIdRule, DeviceInfoRule, ResponseFormat, TrustedProxies},
    domain::{clock::SharedClock, peer::Peer, randomness::SharedRandomness},
    server::ConnectionService,
    service::{
        ClientRegistrationService, EntitlementService, RegistrationService, TempPassService,
        authentication::Authenticators,
        policy::SharedPolicy,
        signed_request::SignedRequestService,
        throttle::{AddressThrottle, CreateThrottle},
    },
    telemetry::Telemetry,
};

/// The header with device information.
const X_DEVICE_INFO: HeaderName = HeaderName::from_static("x-device-info");

/// The dependencies of the face.
pub(crate) struct RestDependencies {
    /// The use cases of registration codes.
    pub registration: RegistrationService,
    /// The use cases of TempPasses.
    pub temp_pass: TempPassService,
    /// The use cases of entitlements.
    pub entitlement: EntitlementService,
    /// The source of randomness for the ids of responses.
    pub randomness: SharedRandomness,
    /// The clock.
    pub clock: SharedClock,
    /// The use cases of registered clients.
    pub client_registration: ClientRegistrationService,
    /// Authenticates callers.
    pub callers: Authenticators,
    /// Records the nonces of signed requests.
    pub signed_request: SignedRequestService,
    /// The rate limit of each address.
    pub address_throttle: AddressThrottle,
    /// The rate limit of creates for each device.
    pub create_throttle: CreateThrottle,
    /// The part of the configuration that a reload can change.
    pub policy: SharedPolicy,
    /// The telemetry of calls.
    pub telemetry: Telemetry,
    /// The proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: TrustedProxies,
    /// Whether a create requires a device id.
    pub device_id: DeviceIdRule,
    /// Whether a create by a registered client requires device information.
    pub device_info: DeviceInfoRule,
    /// The response format for clients that request none.
    pub default_format: ResponseFormat,
    /// The origins whose web pages may call. Without any, responses have no CORS headers.
    pub cors_origins: Vec<CorsOrigin>,
    /// The proxy for every other path, for environments with `passthrough`.
    pub passthrough: Passthrough,
    /// The maximum size of a request body, in bytes.
    pub max_body_size: usize,
    /// The timeout of a call.
    pub answer_timeout: Duration,
}

pub(crate) use failure::status_of;
pub(crate) use passthrough::Passthrough;

/// The state of handlers.
type RestFace = Arc<RestDependencies>;

/// Returns the service of a connection with this peer. It normalizes paths before routing.
pub(crate) fn connected(router: Router, peer: Peer) -> impl ConnectionService<Body> {
    MapRequest::new(router, move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        route::normalize_path(request)
    })
}

/// Returns every call: its method, path and handler.
fn routes() -> Vec<(Method, &'static str, MethodRouter<RestFace>)> {
    let codes_and_clients = [
        (Method::POST, route::REGCODE, post(regcode::create)),
        (Method::POST, route::REGCODE_JSON, post(regcode::create)),
        (Method::POST, route::REGCODE_XML, post(regcode::create)),
        (Method::GET, route::REGCODE_CODE, get(regcode::read)),
        (Method::DELETE, route::REGCODE_CODE, delete(regcode::delete)),
        (Method::DELETE, route::RESET, delete(reset::reset)),
        (Method::DELETE, route::RESET_GENERIC, delete(reset::reset_generic)),
        (Method::POST, route::REGISTER, post(client_registration::register)),
        (Method::POST, route::TOKEN, post(client_registration::token)),
    ];
    codes_and_clients.into_iter().chain(entitlement::route::routes()).collect()
}

/// Returns the method and path of every call, for tests that must cover all.
#[must_use]
pub fn calls() -> Vec<(Method, &'static str)> {
    routes().into_iter().map(|(method, path, _)| (method, path)).collect()
}

/// Creates the router of the face.
pub(crate) fn router(parts: RestDependencies) -> Router {
    let cross_origin = CrossOrigin::of(&parts.cors_origins);
    let face = Arc::new(parts);
    let router = routes()
        .into_iter()
        .fold(Router::new(), |router, (_, path, handler)| router.route(path, handler))
        .fallback(passthrough::other_path)
        .method_not_allowed_fallback(failure::method_not_allowed)
        .layer(from_fn_with_state(Arc::clone(&face), over_v1::dispatch));
    let router = match cross_origin {
        Some(cross_origin) => router.layer(cross_origin),
        None => router,
    };
    router.layer(from_fn_with_state(Arc::clone(&face), middleware::around)).with_state(face)
}
