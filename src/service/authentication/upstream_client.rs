//! Clients that are registered with an environment's upstream.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use super::{Authenticator, Evidence, Identity, Proof, RequestCredentials};
use crate::{
    domain::{
        backend::RegistrationRelay,
        call::RelayedToken,
        caller::{Caller, Permission, Scope},
        error::Result,
    },
    service::policy::SharedPolicy,
};

/// Accepts every access token in environments whose clients register with the upstream. The upstream decides what the
/// client may do.
pub(crate) struct UpstreamClients {
    policy: SharedPolicy,
}

impl UpstreamClients {
    /// For the environments in this policy.
    #[must_use]
    pub(crate) fn new(policy: SharedPolicy) -> Self {
        Self { policy }
    }
}

#[async_trait]
impl Authenticator for UpstreamClients {
    async fn identify(&self, evidence: &Evidence<'_>) -> Result<Option<Identity>> {
        let Some(environment) = evidence.environment else { return Ok(None) };
        let policy = self.policy.load();
        let Some(upstream) = policy.relaying_upstream(environment) else { return Ok(None) };
        let RequestCredentials::Bearer(token) = evidence.credentials() else { return Ok(None) };
        let environments = Scope::Only([environment.clone()].into());
        let caller = Caller::new("client of the upstream", Scope::Any, environments, Permission::ALL);
        let token = UpstreamToken { text: token.into(), relay: Arc::clone(&upstream.relay) };
        Ok(Some(Identity { caller, proof: Proof::UpstreamToken(token) }))
    }
}

/// An access token of the upstream, with the means to check whether it was issued through this server. `Debug` hides
/// it.
#[derive(Clone)]
pub(crate) struct UpstreamToken {
    text: Arc<str>,
    relay: Arc<dyn RegistrationRelay>,
}

impl UpstreamToken {
    /// The token in the form passed on with a call. Reads the store if the token is not cached.
    pub(super) async fn relayed(&self) -> Result<RelayedToken> {
        let is_known = self.relay.has_issued(&self.text).await?;
        Ok(RelayedToken::new(Arc::clone(&self.text), is_known))
    }
}

impl fmt::Debug for UpstreamToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("UpstreamToken(…)")
    }
}
