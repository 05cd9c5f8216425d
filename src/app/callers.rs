//! Builds the authenticators of each face.

use std::sync::Arc;

use super::services::Services;
use crate::{
    config::Auth,
    service::{
        authentication::{
            Anonymous, Authenticator, Authenticators, CallerCertificates, CallerTokens, UpstreamClients,
        },
        signed_request::SignedRequestService,
    },
};

/// The authenticators of gRPC callers.
pub(super) fn of_grpc(auth: Auth, services: &Services) -> Authenticators {
    let policy = || Arc::clone(&services.policy);
    let authenticators: Vec<Box<dyn Authenticator>> = match auth {
        Auth::None => vec![Box::new(Anonymous::default())],
        Auth::Callers => {
            let issuers = services.issuers.known().clone();
            let tokens = CallerTokens::new(policy(), issuers, Arc::clone(&services.clock));
            vec![Box::new(tokens), Box::new(CallerCertificates::new(policy()))]
        }
    };
    Authenticators::new(authenticators)
}

/// The authenticators of REST callers: clients with an access token of the upstream or of this server, and clients that
/// sign each request.
pub(super) fn of_rest(services: &Services, signed_request: &SignedRequestService) -> Authenticators {
    let authenticators: [Box<dyn Authenticator>; 3] = [
        Box::new(UpstreamClients::new(Arc::clone(&services.policy))),
        Box::new(services.client_registration.clone()),
        Box::new(signed_request.clone()),
    ];
    Authenticators::new(authenticators)
}
