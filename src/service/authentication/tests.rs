use std::net::{Ipv4Addr, SocketAddr};

use super::*;
use crate::domain::{
    caller::{Permission, Scope},
    credential::Credential,
    error::Error,
};

/// Authenticates clients by the credential of their connection.
struct Certificates;

#[async_trait]
impl Authenticator for Certificates {
    async fn identify(&self, evidence: &Evidence<'_>) -> Result<Option<Identity>> {
        Ok(evidence.peer.credential.as_ref().map(|_| identity("holder of the certificate")))
    }
}

/// Accepts a single token.
struct OneTokenAuthenticator;

#[async_trait]
impl Authenticator for OneTokenAuthenticator {
    async fn identify(&self, evidence: &Evidence<'_>) -> Result<Option<Identity>> {
        match evidence.credentials() {
            RequestCredentials::Bearer("good") => Ok(Some(identity("holder of the token"))),
            RequestCredentials::Bearer(_) => Err(AuthenticationProblem::TokenInvalid.into()),
            RequestCredentials::None | RequestCredentials::Other(_) | RequestCredentials::Ambiguous => {
                Ok(None)
            }
        }
    }
}

fn identity(name: &str) -> Identity {
    let caller = Caller::new(name, Scope::Any, Scope::Any, [Permission::CodesRead]);
    Identity { caller, proof: Proof::Connection }
}

/// The caller that a call with these `Authorization` headers is authenticated as. `has_certificate` says whether its
/// connection has a certificate.
async fn known(lines: &[&str], has_certificate: bool) -> Result<String, AuthenticationProblem> {
    let callers = Authenticators::new([
        Box::new(OneTokenAuthenticator) as Box<dyn Authenticator>,
        Box::new(Certificates),
    ]);
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(AUTHORIZATION, line.parse().expect("a value"));
    }
    let peer = Peer {
        credential: has_certificate.then(|| Arc::new(Credential::Certificate(Box::default()))),
        ..Peer::at(SocketAddr::from((Ipv4Addr::LOCALHOST, 9934)))
    };
    let carrier = Carrier::Headers(&headers);
    let evidence = Evidence { peer: &peer, environment: None, carrier };
    match callers.identify(&evidence).await {
        Ok(identity) => Ok(identity.caller.name().to_string()),
        Err(Error::NotAuthenticated(problem)) => Err(problem),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_certificate_authenticates_a_caller_unless_it_sends_a_token() {
    assert_eq!(known(&[], true).await.as_deref(), Ok("holder of the certificate"));
    assert_eq!(known(&["Bearer good"], true).await.as_deref(), Ok("holder of the token"));
    assert_eq!(known(&["bearer  bad"], true).await, Err(AuthenticationProblem::TokenInvalid));
}

#[tokio::test]
async fn missing_and_unreadable_credentials_have_different_errors() {
    assert_eq!(known(&[], false).await, Err(AuthenticationProblem::Missing));
    for lines in [&["Basic dXNlcg=="][..], &["Bearer"], &[""], &["Bearer good", "Bearer good"]] {
        assert_eq!(known(lines, false).await, Err(AuthenticationProblem::Unreadable), "{lines:?}");
    }
}
