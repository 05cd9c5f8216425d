//! Authorize: decides whether a trial permits a resource. Starts the trial if necessary.

use super::{TempPassPlace, TempPassService, check_identity};
use crate::domain::{
    backend::{TrialSubject, UpstreamFacts},
    caller::{Caller, Permission},
    error::Result,
    port::TrialVerdict,
    temp_pass::{ResourceId, TrialApplication, TrialIdentity},
};

/// An authorization request in validated form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizeTempPass {
    pub place: TempPassPlace,
    /// What identifies the trial.
    pub identity: TrialIdentity,
    /// Further information for upstream backends.
    pub facts: UpstreamFacts,
    /// What a new trial stores.
    pub application: TrialApplication,
    /// The resource to watch.
    pub resource: ResourceId,
}

impl TempPassService {
    /// Authorizes a resource. A denial is a regular answer.
    ///
    /// # Errors
    /// `PermissionMissing`, `TempPassNotFound`, `InvalidFields`, `StoreUnavailable` and those of an upstream of
    /// [`Error`](crate::domain::error::Error).
    pub async fn authorize(&self, caller: &Caller, request: AuthorizeTempPass) -> Result<TrialVerdict> {
        let AuthorizeTempPass { place, identity, facts, application, resource } = request;
        let permission = Permission::TempPassesAuthorize;
        caller.require(permission, &place.place.environment, &place.place.requestor)?;
        let (backend, rule, _) = self.backend(&place)?;
        check_identity(rule.as_ref(), &identity)?;
        let subject = TrialSubject { temp_pass: place.key(), rule, identity, facts };
        backend.trials()?.authorize(caller.context(), subject, resource, application).await
    }
}
