//! What recognizes the callers of each face.

use std::sync::Arc;

use super::services::Services;
use crate::{
    config::Auth,
    service::{
        authentication::{Anonymous, Authenticator, Authenticators, CallerTokens, UpstreamClients},
        signed_request::SignedRequestService,
    },
};

/// Callers of gRPC.
pub(super) fn of_grpc(auth: Auth, services: &Services) -> Authenticators {
    let authenticator: Box<dyn Authenticator> = match auth {
        Auth::None => Box::new(Anonymous::default()),
        Auth::Callers => {
            let issuers = services.issuers.known().clone();
            Box::new(CallerTokens::new(Arc::clone(&services.policy), issuers, Arc::clone(&services.clock)))
        }
    };
    Authenticators::new([authenticator])
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
