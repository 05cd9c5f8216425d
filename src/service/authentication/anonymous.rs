//! Callers that are asked for nothing.

use super::{Authenticator, Evidence, Identity, Proof};
use crate::domain::{authentication::AuthenticationProblem, caller::Caller};

/// Takes every call that reaches a server which asks for no credentials: it listens on loopback addresses only.
#[derive(Debug)]
pub(crate) struct Anonymous(Caller);

impl Default for Anonymous {
    fn default() -> Self {
        Self(Caller::anonymous())
    }
}

impl Authenticator for Anonymous {
    fn identify(&self, _: &Evidence<'_>) -> Result<Option<Identity>, AuthenticationProblem> {
        Ok(Some(Identity { caller: self.0.clone(), proof: Proof::Connection }))
    }
}
