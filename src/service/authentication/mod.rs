//! Authenticates callers, independently of the face.
//!
//! A face collects the [`Evidence`] of a call and passes it to its [`Authenticators`], in order. Each recognizes one
//! kind of proof:
//!
//! | proof | authenticator | face |
//! |---|---|---|
//! | the connection itself | [`Anonymous`] | gRPC, `grpc.auth = "none"` |
//! | a token of a configured caller | [`CallerTokens`] | gRPC, `grpc.auth = "callers"` |
//! | a certificate with a name of a configured caller | [`CallerCertificates`] | the same, without a token |
//! | an access token of the upstream | [`UpstreamClients`] | REST |
//! | an access token of this server | [`ClientRegistrationService`](super::ClientRegistrationService) | REST |
//! | a signature over the request | [`SignedRequestService`](super::signed_request::SignedRequestService) | REST |
//!
//! Another kind of proof requires another [`Authenticator`], with its variant of [`Proof`]. Authentication does not
//! read the store. What the store must confirm about a proof is checked afterwards.

mod anonymous;
mod caller_certificate;
mod caller_token;
mod issuer;
mod upstream_client;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderMap, header::AUTHORIZATION};

use super::signed_request::Nonce;
use crate::domain::{
    authentication::AuthenticationProblem,
    call::CallContext,
    caller::{Caller, Permission, Scope},
    error::Result,
    id::EnvironmentName,
    peer::Peer,
    registration_code::SourceApplication,
};

pub(crate) use anonymous::Anonymous;
pub(crate) use caller_certificate::CallerCertificates;
pub(crate) use caller_token::CallerTokens;
pub(crate) use issuer::{IssuerDependencies, Issuers, JwtIssuer, KeySource, ServedKeys};
pub(crate) use upstream_client::{UpstreamClients, UpstreamToken};

/// Authenticates callers by one kind of proof.
#[async_trait]
pub(crate) trait Authenticator: Send + Sync {
    /// The caller of the call, or `None` if the call has no proof of this kind.
    ///
    /// # Errors
    /// If the call has an invalid proof of this kind.
    async fn identify(&self, evidence: &Evidence<'_>) -> Result<Option<Identity>>;
}

/// What a call presents to authenticate its caller. Does not implement `Debug`, to keep it out of logs.
#[derive(Clone, Copy)]
pub(crate) struct Evidence<'a> {
    /// The peer of the connection, which may be a proxy.
    pub peer: &'a Peer,
    /// The environment of the call, if it is known before the message is read.
    pub environment: Option<&'a EnvironmentName>,
    /// Where the call carries its credentials.
    pub carrier: Carrier<'a>,
}

/// Where a call carries its credentials.
#[derive(Clone, Copy)]
pub(crate) enum Carrier<'a> {
    Headers(&'a HeaderMap),
    /// In a form, as this access token.
    Form(&'a str),
}

/// The credentials of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestCredentials<'a> {
    None,
    /// A bearer token (RFC 6750).
    Bearer(&'a str),
    /// Another scheme of `Authorization`.
    Other(&'a str),
    /// Several `Authorization` headers.
    Ambiguous,
}

impl<'a> Evidence<'a> {
    /// The credentials of the call.
    #[must_use]
    pub(crate) fn credentials(&self) -> RequestCredentials<'a> {
        let headers = match self.carrier {
            Carrier::Form(token) => return RequestCredentials::Bearer(token),
            Carrier::Headers(headers) => headers,
        };
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        let line = match (lines.next(), lines.next()) {
            (None, _) => return RequestCredentials::None,
            (Some(line), None) => line.to_str().unwrap_or_default().trim(),
            (Some(_), Some(_)) => return RequestCredentials::Ambiguous,
        };
        match line.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                RequestCredentials::Bearer(token.trim())
            }
            _ => RequestCredentials::Other(line),
        }
    }
}

/// The caller of a call and the proof of it.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// The caller with its grants.
    pub caller: Caller,
    /// The proof in the call.
    pub proof: Proof,
}

/// The proof that a call presented for its caller.
#[derive(Debug, Clone)]
pub(crate) enum Proof {
    /// The connection itself, on a server that requires nothing else.
    Connection,
    /// The credential of a configured caller.
    Listed,
    /// An access token of this server, for a client of this application.
    AccessToken(SourceApplication),
    /// An access token of the upstream.
    UpstreamToken(UpstreamToken),
    /// A signature of this request alone, which is accepted once.
    Signature(Nonce),
    /// No proof. The call requests what second-screen pages may do.
    Open,
}

impl Identity {
    /// A page on which viewers type codes, which calls this environment without credentials, because a browser could
    /// not keep them secret. It may do what a login with a code requires, but can neither create nor delete a code.
    #[must_use]
    pub(crate) fn second_screen(environment: &EnvironmentName) -> Self {
        let environments = Scope::Only([environment.clone()].into());
        let permissions = [
            Permission::CodesRead,
            Permission::EntitlementsLogin,
            Permission::EntitlementsRead,
            Permission::EntitlementsAuthorize,
        ];
        let caller = Caller::new("second screen", Scope::Any, environments, permissions);
        Self { caller, proof: Proof::Open }
    }

    /// The caller in this call, with the credentials to pass on to the upstream.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`](crate::domain::error::Error::StoreUnavailable).
    pub(crate) async fn in_call(self, context: CallContext) -> Result<Self> {
        let relayed_token = match &self.proof {
            Proof::UpstreamToken(token) => Some(token.relayed().await?),
            Proof::Connection | Proof::Listed | Proof::AccessToken(_) | Proof::Signature(_) | Proof::Open => {
                None
            }
        };
        let caller = self.caller.in_call(CallContext { relayed_token, ..context });
        Ok(Self { caller, ..self })
    }
}

/// The authenticators of a face. A cheap handle.
#[derive(Clone)]
pub(crate) struct Authenticators(Arc<[Box<dyn Authenticator>]>);

impl Authenticators {
    /// These authenticators, in this order. The first that recognizes the call's proof decides.
    #[must_use]
    pub(crate) fn new(authenticators: impl IntoIterator<Item = Box<dyn Authenticator>>) -> Self {
        Self(authenticators.into_iter().collect())
    }

    /// Authenticates the caller of a call.
    ///
    /// # Errors
    /// If the call presents no known proof, or an invalid one.
    pub(crate) async fn identify(&self, evidence: &Evidence<'_>) -> Result<Identity> {
        for authenticator in &*self.0 {
            if let Some(identity) = authenticator.identify(evidence).await? {
                return Ok(identity);
            }
        }
        let problem = match evidence.credentials() {
            RequestCredentials::None => AuthenticationProblem::Missing,
            RequestCredentials::Bearer(_) => AuthenticationProblem::TokenInvalid,
            RequestCredentials::Other(_) | RequestCredentials::Ambiguous => AuthenticationProblem::Unreadable,
        };
        Err(problem.into())
    }
}

impl std::fmt::Debug for Authenticators {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Authenticators")
    }
}
