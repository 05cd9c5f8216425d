//! The REST face: version 1 of the provider's REST API as devices in the field know it (reference, sections 2, 3, 5 and 6).
//! It is a peer of the gRPC face: both make a `Caller`, call the same use cases, and render the same errors.
//!
//! | module | what it is for |
//! |---|---|
//! | `middleware` | what stands around every call: addresses, throttle, time, metrics |
//! | `call` | a request read: body, parameters, format, environment |
//! | `address`, `parameters`, `format`, `identity` | the parts of that |
//! | `regcode` | registration codes: create, read, delete |
//! | `entitlement` | `/api/v1`: logins, decisions, what operators tell of viewers |
//! | `cross_origin` | web pages that call from a browser (CORS) |
//! | `reset` | TempPasses: reset |
//! | `client_registration` | `/o/client`: register, token |
//! | `record` | a record in JSON and XML |
//! | `over_v1` | the v1 flow of requestors that version 1 of the upstream stands behind |
//! | `unnamed_requestor` | whose call one of the v1 flow is that does not say so where it is looked for first |
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
    middleware::{from_fn, from_fn_with_state},
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

/// The header that device information comes in.
const X_DEVICE_INFO: HeaderName = HeaderName::from_static("x-device-info");

/// What the face works with.
pub(crate) struct RestDependencies {
    /// The use cases around registration codes.
    pub registration: RegistrationService,
    /// The use cases around TempPasses.
    pub temp_pass: TempPassService,
    /// The use cases around entitlements.
    pub entitlement: EntitlementService,
    /// Randomness for the ids of answers.
    pub randomness: SharedRandomness,
    /// Time.
    pub clock: SharedClock,
    /// The use cases around registered clients.
    pub client_registration: ClientRegistrationService,
    /// Recognizes who calls.
    pub callers: Authenticators,
    /// Lets requests count that are signed one by one.
    pub signed_request: SignedRequestService,
    /// How fast each address may call.
    pub address_throttle: AddressThrottle,
    /// How fast codes may be made for each device.
    pub create_throttle: CreateThrottle,
    /// What the operator configured, as far as a reload changes it.
    pub policy: SharedPolicy,
    /// Where calls are reported.
    pub telemetry: Telemetry,
    /// Whose word about addresses is believed.
    pub trusted_proxies: TrustedProxies,
    /// Whether a create must bring a device id.
    pub device_id: DeviceIdRule,
    /// Whether a create by a registered client must bring device information.
    pub device_info: DeviceInfoRule,
    /// The format of answers to clients that say nothing.
    pub default_format: ResponseFormat,
    /// Web pages of which origins may call; none means that browsers are told nothing.
    pub cors_origins: Vec<CorsOrigin>,
    /// What every other path goes through, where the environment has somewhere for it to go.
    pub passthrough: Passthrough,
    /// The largest request body, in bytes.
    pub max_body_size: usize,
    /// How long a call may take.
    pub answer_timeout: Duration,
}

pub(crate) use passthrough::Passthrough;

/// The face as handlers hold it.
type RestFace = Arc<RestDependencies>;

/// The face as a connection with this peer is served with it: every path, however it is written.
pub(crate) fn connected(router: Router, peer: Peer) -> impl ConnectionService<Body> {
    MapRequest::new(router, move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        route::in_served_form(request)
    })
}

/// Every call there is: its method, its path, and who answers it.
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

/// The method and path of every call there is, for tests that must not forget one.
#[must_use]
pub fn calls() -> Vec<(Method, &'static str)> {
    routes().into_iter().map(|(method, path, _)| (method, path)).collect()
}

/// The face: its paths.
pub(crate) fn router(parts: RestDependencies) -> Router {
    let cross_origin = CrossOrigin::of(&parts.cors_origins);
    let face = Arc::new(parts);
    let router = routes()
        .into_iter()
        .fold(Router::new(), |router, (_, path, handler)| router.route(path, handler))
        .fallback(passthrough::other_path)
        .method_not_allowed_fallback(failure::method_not_allowed)
        .layer(from_fn_with_state(Arc::clone(&face), over_v1::unless_elsewhere))
        .layer(from_fn(middleware::refuse));
    let router = match cross_origin {
        Some(cross_origin) => router.layer(cross_origin),
        None => router,
    };
    router.layer(from_fn_with_state(Arc::clone(&face), middleware::around)).with_state(face)
}
