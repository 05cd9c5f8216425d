//! Clients that are registered with an environment's upstream.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use super::{Authenticator, Credentials, Evidence, Identity, Proof};
use crate::{
    domain::{
        backend::RegistrationRelay,
        call::RelayedToken,
        caller::{Caller, Permission, Scope},
        error::Result,
    },
    service::policy::SharedPolicy,
};

/// Takes every access token where clients register with the upstream: what one may do is the upstream's to judge.
pub(crate) struct UpstreamClients {
    policy: SharedPolicy,
}

impl UpstreamClients {
    /// Those of the environments that this policy has.
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
        let Credentials::Bearer(token) = evidence.credentials() else { return Ok(None) };
        let environments = Scope::Only([environment.clone()].into());
        let caller = Caller::new("client of the upstream", Scope::Any, environments, Permission::ALL);
        let token = UpstreamToken { text: token.into(), relay: Arc::clone(&upstream.relay) };
        Ok(Some(Identity { caller, proof: Proof::UpstreamToken(token) }))
    }
}

/// An access token of the upstream, and who knows whether it was issued through here. Shows itself to no log.
#[derive(Clone)]
pub(crate) struct UpstreamToken {
    text: Arc<str>,
    relay: Arc<dyn RegistrationRelay>,
}

impl UpstreamToken {
    /// The token as it goes along with a call. Asks the store where it was not seen before.
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
