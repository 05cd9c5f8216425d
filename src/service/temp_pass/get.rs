//! Get: a trial as it stands.

use super::{TempPassPlace, TempPassService, check_identity};
use crate::domain::{
    backend::{TrialSubject, UpstreamFacts},
    caller::{Caller, Permission},
    error::Result,
    temp_pass::{TrialIdentity, TrialView},
};

/// Whose trial to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetTempPass {
    pub place: TempPassPlace,
    /// By whom the trial is known.
    pub identity: TrialIdentity,
    /// What else backends are told that are not our own.
    pub facts: UpstreamFacts,
}

impl TempPassService {
    /// The trial; one that has not started where there is none.
    ///
    /// # Errors
    /// As those of [`TempPassService::authorize`].
    pub async fn get(&self, caller: &Caller, request: GetTempPass) -> Result<TrialView> {
        let GetTempPass { place, identity, facts } = request;
        caller.require(Permission::TempPassesRead, &place.place.environment, &place.place.requestor)?;
        let (backend, rule, _) = self.backend(&place)?;
        check_identity(rule.as_ref(), &identity)?;
        let subject = TrialSubject { temp_pass: place.key(), rule, identity, facts };
        backend.trials()?.get(caller.context(), &subject).await
    }
}
