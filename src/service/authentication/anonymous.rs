//! Callers that are asked for nothing.

use async_trait::async_trait;

use super::{Authenticator, Evidence, Identity, Proof};
use crate::domain::{caller::Caller, error::Result};

/// Takes every call that reaches a server which asks for no credentials: it listens on loopback addresses only.
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
