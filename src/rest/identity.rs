//! Who sent a request: a registered client with its access token, or one that signs each request.

use http::{header::AUTHORIZATION, request};

use super::Face;
use crate::{
    domain::{
        address::Address,
        authentication::AuthenticationProblem,
        backend::RegistrationRelay,
        call::{CallContext, RelayedToken},
        caller::{Caller, Permission, Scope},
        error::{Error, Result},
        id::EnvironmentName,
        registration::{OAUTH2, SourceApplication},
    },
    service::signed_request::Nonce,
};

/// Who sent a request.
#[derive(Debug)]
pub(super) struct Identity {
    /// The caller, with what it is granted.
    pub caller: Caller,
    /// `OAUTH2`, or nothing for a request that is signed by itself.
    pub authorization_type: &'static str,
    /// The application, where a registered client sent it.
    pub application: Option<SourceApplication>,
    /// The upstream's own token, of a client that is registered there.
    relayed_token: Option<RelayedToken>,
    sends_device_information: bool,
    /// What makes a signed request different from all others.
    nonce: Option<Nonce>,
}

impl Identity {
    /// Reads the request's headers. Asks the store only for tokens of an upstream.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::StoreUnavailable`].
    pub async fn of(
        face: &Face,
        head: &request::Parts,
        environment: &EnvironmentName,
        context: CallContext,
    ) -> Result<Self> {
        Ok(Self::known(face, head, environment).await?.in_call(context))
    }

    /// The client whose access token a form carries.
    ///
    /// # Errors
    /// As [`Identity::of`].
    pub async fn of_token(
        face: &Face,
        token: &str,
        environment: &EnvironmentName,
        context: CallContext,
    ) -> Result<Self> {
        Ok(Self::by_token(face, token, environment).await?.in_call(context))
    }

    fn in_call(self, context: CallContext) -> Self {
        let context = CallContext { relayed_token: self.relayed_token.clone(), ..context };
        Self { caller: self.caller.in_call(context), ..self }
    }

    async fn known(face: &Face, head: &request::Parts, environment: &EnvironmentName) -> Result<Self> {
        let refused = |problem| Err(Error::NotAuthenticated(problem));
        let mut lines = head.headers.get_all(AUTHORIZATION).iter();
        let line = match (lines.next(), lines.next()) {
            (None, _) => return refused(AuthenticationProblem::Missing),
            (Some(line), None) => line.to_str().unwrap_or_default().trim(),
            (Some(_), Some(_)) => return refused(AuthenticationProblem::Unreadable),
        };
        match line.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                Self::by_token(face, token.trim(), environment).await
            }
            _ => {
                let (caller, nonce) = face.signed_request.authenticate(head.method.as_str(), line)?;
                Ok(Self {
                    caller,
                    authorization_type: "",
                    application: None,
                    relayed_token: None,
                    sends_device_information: false,
                    nonce: Some(nonce),
                })
            }
        }
    }

    async fn by_token(face: &Face, token: &str, environment: &EnvironmentName) -> Result<Self> {
        let upstream = face.policy.load().relaying_upstream(environment).cloned();
        if let Some(upstream) = upstream {
            return Self::relayed(&*upstream.relay, token, environment).await;
        }
        let client = face.client_registration.authenticate(token, environment)?;
        Ok(Self {
            caller: client.caller,
            authorization_type: OAUTH2,
            application: Some(client.application),
            relayed_token: None,
            sends_device_information: true,
            nonce: None,
        })
    }

    /// A client that is registered with the upstream: what it may do is the upstream's to judge.
    async fn relayed(
        relay: &dyn RegistrationRelay,
        token: &str,
        environment: &EnvironmentName,
    ) -> Result<Self> {
        let is_known = relay.has_issued(token).await?;
        let environments = Scope::Only([environment.clone()].into());
        Ok(Self {
            caller: Caller::new("client of the upstream", Scope::Any, environments, Permission::ALL),
            authorization_type: OAUTH2,
            application: None,
            relayed_token: Some(RelayedToken::new(token, is_known)),
            sends_device_information: true,
            nonce: None,
        })
    }

    /// Whether the client is older than device information.
    pub fn is_older_than_device_information(&self) -> bool {
        !self.sends_device_information
    }

    /// Lets a signed request count that came from `client`. Called when nothing else stands in the way of what it asks for.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] where its nonce came from another client before, [`Error::StoreUnavailable`].
    pub async fn count(&self, face: &Face, client: Address) -> Result<()> {
        match &self.nonce {
            Some(nonce) => face.signed_request.count(nonce, client).await,
            None => Ok(()),
        }
    }
}
