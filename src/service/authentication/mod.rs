//! Who makes a call, whatever face it comes over.
//!
//! A face gathers what a call shows ([`Evidence`]) and asks its [`Authenticators`], in order. Each knows one kind of proof:
//!
//! | proof | who knows it | over |
//! |---|---|---|
//! | the connection itself | [`Anonymous`] | gRPC, `grpc.auth = "none"` |
//! | a token of a caller that is listed | [`CallerTokens`] | gRPC, `grpc.auth = "callers"` |
//! | a certificate with a name of a caller that is listed | [`CallerCertificates`] | the same, without a token |
//! | an access token of the upstream | [`UpstreamClients`] | REST |
//! | an access token of this server | [`ClientRegistrationService`](super::ClientRegistrationService) | REST |
//! | a signature over the request | [`SignedRequestService`](super::signed_request::SignedRequestService) | REST |
//!
//! One more kind is one more [`Authenticator`], with its variant of [`Proof`]. Recognizing does not read the store: what
//! that has to say about a proof is asked afterwards.

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
    registration::SourceApplication,
};

pub(crate) use anonymous::Anonymous;
pub(crate) use caller_certificate::CallerCertificates;
pub(crate) use caller_token::CallerTokens;
pub(crate) use issuer::{Issuer, IssuerParts, Issuers, KeySource, ServedKeys};
pub(crate) use upstream_client::{UpstreamClients, UpstreamToken};

/// Recognizes callers by one kind of proof.
#[async_trait]
pub(crate) trait Authenticator: Send + Sync {
    /// Who makes the call; `None` where it shows nothing of the kind that this knows.
    ///
    /// # Errors
    /// Where it shows something of this kind that is not good.
    async fn identify(&self, evidence: &Evidence<'_>) -> Result<Option<Identity>>;
}

/// What a call shows of who makes it. It shows itself to no log.
#[derive(Clone, Copy)]
pub(crate) struct Evidence<'a> {
    /// The other end of its connection, which a proxy may be.
    pub peer: &'a Peer,
    /// The environment that it is for, where that is known before its message is read.
    pub environment: Option<&'a EnvironmentName>,
    /// Where it carries its credentials.
    pub carrier: Carrier<'a>,
}

/// Where a call carries its credentials.
#[derive(Clone, Copy)]
pub(crate) enum Carrier<'a> {
    Headers(&'a HeaderMap),
    /// In a form, as this access token.
    Form(&'a str),
}

/// The credentials that a call carries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credentials<'a> {
    None,
    /// A bearer token (RFC 6750).
    Bearer(&'a str),
    /// Another line of `Authorization`.
    Other(&'a str),
    /// Several of these lines.
    Ambiguous,
}

impl<'a> Evidence<'a> {
    /// The credentials that the call carries.
    #[must_use]
    pub(crate) fn credentials(&self) -> Credentials<'a> {
        let headers = match self.carrier {
            Carrier::Form(token) => return Credentials::Bearer(token),
            Carrier::Headers(headers) => headers,
        };
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        let line = match (lines.next(), lines.next()) {
            (None, _) => return Credentials::None,
            (Some(line), None) => line.to_str().unwrap_or_default().trim(),
            (Some(_), Some(_)) => return Credentials::Ambiguous,
        };
        match line.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                Credentials::Bearer(token.trim())
            }
            _ => Credentials::Other(line),
        }
    }
}

/// Who makes a call, and how that is known.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// The caller, with what it is granted.
    pub caller: Caller,
    /// What the call has shown for it.
    pub proof: Proof,
}

/// What a call has shown for its caller.
#[derive(Debug, Clone)]
pub(crate) enum Proof {
    /// That it reached a server which asks for nothing else.
    Connection,
    /// What the configuration knows the caller by.
    Listed,
    /// An access token of this server, of a client of this application.
    AccessToken(SourceApplication),
    /// An access token of the upstream.
    UpstreamToken(UpstreamToken),
    /// A signature over this request alone, which counts once.
    Signature(Nonce),
    /// Nothing: it asks for what second-screen pages may have.
    Open,
}

impl Identity {
    /// A page on which viewers type codes, which calls this environment without credentials: a browser could not keep them
    /// secret. It may do what a login with a code takes, and nothing that ends or makes one.
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

    /// The caller in this call, with the credentials that go along to the upstream.
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

/// All that recognize the callers of a face. A cheap handle.
#[derive(Clone)]
pub(crate) struct Authenticators(Arc<[Box<dyn Authenticator>]>);

impl Authenticators {
    /// These, in this order: the first that knows a call's proof decides.
    #[must_use]
    pub(crate) fn new(authenticators: impl IntoIterator<Item = Box<dyn Authenticator>>) -> Self {
        Self(authenticators.into_iter().collect())
    }

    /// Who makes the call.
    ///
    /// # Errors
    /// Where the call shows nothing that is known, or something that is not good.
    pub(crate) async fn identify(&self, evidence: &Evidence<'_>) -> Result<Identity> {
        for authenticator in &*self.0 {
            if let Some(identity) = authenticator.identify(evidence).await? {
                return Ok(identity);
            }
        }
        let problem = match evidence.credentials() {
            Credentials::None => AuthenticationProblem::Missing,
            Credentials::Bearer(_) => AuthenticationProblem::TokenInvalid,
            Credentials::Other(_) | Credentials::Ambiguous => AuthenticationProblem::Unreadable,
        };
        Err(problem.into())
    }
}

impl std::fmt::Debug for Authenticators {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Authenticators")
    }
}
