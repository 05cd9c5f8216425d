//! Builds the REST face.

use std::sync::Arc;

use axum::Router;

use super::{App, callers};
use crate::{
    config::{AddressLimit, ConfigError, TrustedProxies, ValidConfig},
    rest::{self, Passthrough},
    service::{
        signed_request::SignedRequestService,
        throttle::{AddressThrottle, CountedFace, CreateThrottle},
    },
};

/// The router of `app`'s REST face.
pub(super) fn router(app: &App) -> Router {
    let config = &app.config.written.rest;
    let services = &app.services;
    let (clock, policy) = (&services.clock, &services.policy);
    let ledger = Arc::clone(&services.store.ledger);
    let signed_request = SignedRequestService::new(ledger, Arc::clone(policy), Arc::clone(clock));
    let limits = || Arc::clone(&services.store.limits);
    let AddressLimit { per_second, burst } = config.address_limit;
    rest::router(rest::RestDependencies {
        registration: services.registration.clone(),
        temp_pass: services.temp_pass.clone(),
        entitlement: services.entitlement.clone(),
        randomness: Arc::clone(&services.randomness),
        clock: Arc::clone(clock),
        client_registration: services.client_registration.clone(),
        callers: callers::of_rest(services, &signed_request),
        signed_request,
        address_throttle: AddressThrottle::new(limits(), CountedFace::Rest, per_second, burst),
        create_throttle: CreateThrottle::new(limits()),
        policy: Arc::clone(policy),
        telemetry: app.telemetry.clone(),
        trusted_proxies: TrustedProxies::new(config.trusted_proxies.clone()),
        device_id: config.device_id,
        device_info: config.device_info,
        default_format: config.default_format,
        cors_origins: app.config.cors_origins.clone(),
        passthrough: app.passthrough.clone(),
        max_body_size: config.max_body_size,
        answer_timeout: config.answer_timeout.0,
    })
}

/// Prepares the passthrough of other paths for every environment.
pub(super) fn prepare(passthrough: &Passthrough, config: &ValidConfig) -> Result<(), ConfigError> {
    passthrough.prepare(&config.environments).map_err(|violation| ConfigError::of_values(vec![violation]))
}
