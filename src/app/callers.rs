//! What recognizes the callers of each face.

use std::sync::Arc;

use super::services::Services;
use crate::{
    config::Auth,
    service::{
        authentication::{Anonymous, Authenticator, Authenticators, UpstreamClients},
        signed_request::SignedRequestService,
    },
};

/// Callers of gRPC.
pub(super) fn of_grpc(auth: Auth) -> Authenticators {
    match auth {
        Auth::None => Authenticators::new([Box::new(Anonymous::default()) as Box<dyn Authenticator>]),
    }
}

/// Callers of REST: clients with an access token of the upstream, or of this server, and those that sign each request.
pub(super) fn of_rest(services: &Services, signed_request: &SignedRequestService) -> Authenticators {
    let authenticators: [Box<dyn Authenticator>; 3] = [
        Box::new(UpstreamClients::new(Arc::clone(&services.policy))),
        Box::new(services.client_registration.clone()),
        Box::new(signed_request.clone()),
    ];
    Authenticators::new(authenticators)
}
