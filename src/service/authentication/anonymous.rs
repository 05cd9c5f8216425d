//! Callers without authentication.

use async_trait::async_trait;

use super::{Authenticator, Evidence, Identity, Proof};
use crate::domain::{caller::Caller, error::Result};

/// Accepts every call to a server that does not authenticate its callers. Such a server listens on loopback addresses
/// only.
#[derive(Debug)]
pub(crate) struct Anonymous(Caller);

impl Default for Anonymous {
    fn default() -> Self {
        Self(Caller::anonymous())
    }
}

#[async_trait]
impl Authenticator for Anonymous {
    async fn identify(&self, _: &Evidence<'_>) -> Result<Option<Identity>> {
        Ok(Some(Identity { caller: self.0.clone(), proof: Proof::Connection }))
    }
}
