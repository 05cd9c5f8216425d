//! Authorize: whether a resource may be watched by a trial, which starts if need be.

use super::{TempPassPlace, TempPassService, check_identity};
use crate::domain::{
    caller::{Caller, Permission},
    error::Result,
    port::{Authorization, Verdict},
    temp_pass::{ResourceId, TrialApplication, TrialIdentity},
};

/// A request to authorize, in valid parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizeTempPass {
    /// The TempPass.
    pub place: TempPassPlace,
    /// By whom the trial is known.
    pub identity: TrialIdentity,
    /// What a new trial keeps.
    pub application: TrialApplication,
    /// What is to be watched.
    pub resource: ResourceId,
}

impl TempPassService {
    /// Authorizes a resource. A denial is an answer.
    ///
    /// # Errors
    /// `PermissionMissing`, `TempPassNotFound`, `InvalidFields` and `StoreUnavailable` of
    /// [`Error`](crate::domain::error::Error).
    pub async fn authorize(&self, caller: &Caller, request: AuthorizeTempPass) -> Result<Verdict> {
        let AuthorizeTempPass { place, identity, application, resource } = request;
        let permission = Permission::TempPassesAuthorize;
        caller.require(permission, &place.place.environment, &place.place.requestor)?;
        let rule = self.rule(&place)?;
        check_identity(&rule, &identity)?;
        let authorization = Authorization {
            temp_pass: place.key(),
            rule,
            identity,
            application,
            resource,
            new_id: self.parts.randomness.uuid()?,
        };
        Ok(self.parts.trials.authorize(authorization).await?)
    }
}
