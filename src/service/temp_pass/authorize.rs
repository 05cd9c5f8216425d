//! Authorize: whether a resource may be watched by a trial, which starts if need be.

use super::{TempPassPlace, TempPassService, check_identity};
use crate::domain::{
    backend::{TrialSubject, UpstreamFacts},
    caller::{Caller, Permission},
    error::Result,
    port::Verdict,
    temp_pass::{ResourceId, TrialApplication, TrialIdentity},
};

/// A request to authorize, in valid parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizeTempPass {
    pub place: TempPassPlace,
    /// By whom the trial is known.
    pub identity: TrialIdentity,
    /// What else backends are told that are not our own.
    pub facts: UpstreamFacts,
    /// What a new trial keeps.
    pub application: TrialApplication,
    /// What is to be watched.
    pub resource: ResourceId,
}

impl TempPassService {
    /// Authorizes a resource. A denial is an answer.
    ///
    /// # Errors
    /// `PermissionMissing`, `TempPassNotFound`, `InvalidFields`, `StoreUnavailable` and those of an upstream of
    /// [`Error`](crate::domain::error::Error).
    pub async fn authorize(&self, caller: &Caller, request: AuthorizeTempPass) -> Result<Verdict> {
        let AuthorizeTempPass { place, identity, facts, application, resource } = request;
        let permission = Permission::TempPassesAuthorize;
        caller.require(permission, &place.place.environment, &place.place.requestor)?;
        let (backend, rule, _) = self.backend(&place)?;
        check_identity(rule.as_ref(), &identity)?;
        let subject = TrialSubject { temp_pass: place.key(), rule, identity, facts };
        backend.trials()?.authorize(caller.context(), subject, resource, application).await
    }
}
