//! Get: a trial as it stands.

use super::{TempPassPlace, TempPassService, check_identity};
use crate::domain::{
    caller::{Caller, Permission},
    error::Result,
    temp_pass::{TrialIdentity, TrialView},
};

/// Whose trial to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetTempPass {
    /// The TempPass.
    pub place: TempPassPlace,
    /// By whom the trial is known.
    pub identity: TrialIdentity,
}

impl TempPassService {
    /// The trial; one that has not started where there is none.
    ///
    /// # Errors
    /// As those of [`TempPassService::authorize`].
    pub async fn get(&self, caller: &Caller, request: &GetTempPass) -> Result<TrialView> {
        let GetTempPass { place, identity } = request;
        caller.require(Permission::TempPassesRead, &place.place.environment, &place.place.requestor)?;
        let rule = self.rule(place)?;
        check_identity(&rule, identity)?;
        Ok(self.parts.trials.get(&place.key(), &rule, identity).await?)
    }
}
