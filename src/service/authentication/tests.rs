use std::net::{Ipv4Addr, SocketAddr};

use super::*;
use crate::domain::caller::{Permission, Scope};

/// Knows clients by the certificate of their connection.
struct Certificates;

impl Authenticator for Certificates {
    fn identify(&self, evidence: &Evidence<'_>) -> Result<Option<Identity>, AuthenticationProblem> {
        let certificate = evidence.peer.certificate.as_deref();
        let name = certificate.map(|certificate| String::from_utf8_lossy(certificate).into_owned());
        Ok(name.map(|name| identity(&name)))
    }
}

/// Knows the one token that is good.
struct Tokens;

impl Authenticator for Tokens {
    fn identify(&self, evidence: &Evidence<'_>) -> Result<Option<Identity>, AuthenticationProblem> {
        match evidence.credentials() {
            Credentials::Bearer("good") => Ok(Some(identity("holder of the token"))),
            Credentials::Bearer(_) => Err(AuthenticationProblem::TokenInvalid),
            Credentials::None | Credentials::Other(_) | Credentials::Ambiguous => Ok(None),
        }
    }
}

fn identity(name: &str) -> Identity {
    let caller = Caller::new(name, Scope::Any, Scope::Any, [Permission::CodesRead]);
    Identity { caller, proof: Proof::Connection }
}

/// As whom a call counts that has these lines of `Authorization`, and a certificate or none.
fn known(lines: &[&str], certificate: Option<&str>) -> Result<String, AuthenticationProblem> {
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
    callers.identify(&evidence).map(|identity| identity.caller.name().to_string())
}

#[test]
fn a_caller_is_known_by_its_certificate_unless_it_sends_a_token_which_decides_alone() {
    assert_eq!(known(&[], Some("player")).as_deref(), Ok("player"));
    assert_eq!(known(&["Bearer good"], Some("player")).as_deref(), Ok("holder of the token"));
    assert_eq!(known(&["bearer  bad"], Some("player")), Err(AuthenticationProblem::TokenInvalid));
}

#[test]
fn a_call_that_shows_nothing_is_told_so_and_one_that_shows_something_else_too() {
    assert_eq!(known(&[], None), Err(AuthenticationProblem::Missing));
    for lines in [&["Basic dXNlcg=="][..], &["Bearer"], &[""], &["Bearer good", "Bearer good"]] {
        assert_eq!(known(lines, None), Err(AuthenticationProblem::Unreadable), "{lines:?}");
    }
}
