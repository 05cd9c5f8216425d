//! Callers that the configuration lists, by a name of their certificate.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Authenticator, Credentials, Evidence, Identity, Proof};
use crate::{domain::error::Result, service::policy::SharedPolicy};

/// Takes the certificates of callers, where a call sends no token: one that does is decided by that alone.
pub(crate) struct CallerCertificates {
    policy: SharedPolicy,
}

impl CallerCertificates {
    /// Those of the callers that this policy has.
    #[must_use]
    pub(crate) fn new(policy: SharedPolicy) -> Self {
        Self { policy }
    }
}

#[async_trait]
impl Authenticator for CallerCertificates {
    async fn identify(&self, evidence: &Evidence<'_>) -> Result<Option<Identity>> {
        let (Credentials::None, Some(shown)) = (evidence.credentials(), &evidence.peer.credential) else {
            return Ok(None);
        };
        let caller = self.policy.load().caller(Arc::clone(shown))?;
        Ok(Some(Identity { caller, proof: Proof::Listed }))
    }
}
