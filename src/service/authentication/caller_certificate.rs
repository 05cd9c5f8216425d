//! Callers that the configuration identifies by a name in their certificate.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Authenticator, Evidence, Identity, Proof, RequestCredentials};
use crate::{domain::error::Result, service::policy::SharedPolicy};

/// Authenticates callers by certificate, if the call sends no token. A call with a token is authenticated by the token
/// alone.
pub(crate) struct CallerCertificates {
    policy: SharedPolicy,
}

impl CallerCertificates {
    /// For the callers in this policy.
    #[must_use]
    pub(crate) fn new(policy: SharedPolicy) -> Self {
        Self { policy }
    }
}

#[async_trait]
impl Authenticator for CallerCertificates {
    async fn identify(&self, evidence: &Evidence<'_>) -> Result<Option<Identity>> {
        let (RequestCredentials::None, Some(shown)) = (evidence.credentials(), &evidence.peer.credential)
        else {
            return Ok(None);
        };
        let caller = self.policy.load().caller(Arc::clone(shown))?;
        Ok(Some(Identity { caller, proof: Proof::Listed }))
    }
}
