//! Get: reads a trial.

use super::{TempPassPlace, TempPassService, check_identity};
use crate::domain::{
    backend::{TrialSubject, UpstreamFacts},
    caller::{Caller, Permission},
    error::Result,
    temp_pass::{TrialIdentity, TrialView},
};

/// The trial to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetTempPass {
    pub place: TempPassPlace,
    /// What identifies the trial.
    pub identity: TrialIdentity,
    /// Further information for upstream backends.
    pub facts: UpstreamFacts,
}

impl TempPassService {
    /// The trial; one that has not started if there is none.
    ///
    /// # Errors
    /// See [`TempPassService::authorize`].
    pub async fn get(&self, caller: &Caller, request: GetTempPass) -> Result<TrialView> {
        let GetTempPass { place, identity, facts } = request;
        caller.require(Permission::TempPassesRead, &place.place.environment, &place.place.requestor)?;
        let (backend, rule, _) = self.backend(&place)?;
        check_identity(rule.as_ref(), &identity)?;
        let subject = TrialSubject { temp_pass: place.key(), rule, identity, facts };
        backend.trials()?.get(caller.context(), &subject).await
    }
}
