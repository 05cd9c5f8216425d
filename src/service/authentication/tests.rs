use std::net::{Ipv4Addr, SocketAddr};

use super::*;
use crate::domain::{
    caller::{Permission, Scope},
    error::Error,
};

/// Knows clients by the certificate of their connection.
struct Certificates;

#[async_trait]
impl Authenticator for Certificates {
    async fn identify(&self, evidence: &Evidence<'_>) -> Result<Option<Identity>> {
        let certificate = evidence.peer.certificate.as_deref();
        let name = certificate.map(|certificate| String::from_utf8_lossy(certificate).into_owned());
        Ok(name.map(|name| identity(&name)))
    }
}

/// Knows the one token that is good.
struct Tokens;

#[async_trait]
impl Authenticator for Tokens {
    async fn identify(&self, evidence: &Evidence<'_>) -> Result<Option<Identity>> {
        match evidence.credentials() {
            Credentials::Bearer("good") => Ok(Some(identity("holder of the token"))),
            Credentials::Bearer(_) => Err(AuthenticationProblem::TokenInvalid.into()),
            Credentials::None | Credentials::Other(_) | Credentials::Ambiguous => Ok(None),
        }
    }
}

fn identity(name: &str) -> Identity {
    let caller = Caller::new(name, Scope::Any, Scope::Any, [Permission::CodesRead]);
    Identity { caller, proof: Proof::Connection }
}

/// As whom a call counts that has these lines of `Authorization`, and a certificate or none.
async fn known(lines: &[&str], certificate: Option<&str>) -> Result<String, AuthenticationProblem> {
    let callers = Authenticators::new([Box::new(Tokens) as Box<dyn Authenticator>, Box::new(Certificates)]);
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(AUTHORIZATION, line.parse().expect("a value"));
    }
    let peer = Peer {
        certificate: certificate.map(|text| text.as_bytes().into()),
        ..Peer::at(SocketAddr::from((Ipv4Addr::LOCALHOST, 9934)))
    };
    let carrier = Carrier::Headers(&headers);
    let evidence = Evidence { peer: &peer, environment: None, method: &Method::POST, carrier };
    match callers.identify(&evidence).await {
        Ok(identity) => Ok(identity.caller.name().to_string()),
        Err(Error::NotAuthenticated(problem)) => Err(problem),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_caller_is_known_by_its_certificate_unless_it_sends_a_token_which_decides_alone() {
    assert_eq!(known(&[], Some("player")).await.as_deref(), Ok("player"));
    assert_eq!(known(&["Bearer good"], Some("player")).await.as_deref(), Ok("holder of the token"));
    assert_eq!(known(&["bearer  bad"], Some("player")).await, Err(AuthenticationProblem::TokenInvalid));
}

#[tokio::test]
async fn a_call_that_shows_nothing_is_told_so_and_one_that_shows_something_else_too() {
    assert_eq!(known(&[], None).await, Err(AuthenticationProblem::Missing));
    for lines in [&["Basic dXNlcg=="][..], &["Bearer"], &[""], &["Bearer good", "Bearer good"]] {
        assert_eq!(known(lines, None).await, Err(AuthenticationProblem::Unreadable), "{lines:?}");
    }
}
