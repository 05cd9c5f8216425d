//! Reset: one trial, or all of a TempPass. Each leaves an entry in the audit log, also one that is refused.

use tracing::Instrument;

use super::{TempPassPlace, TempPassService, reset_subject::ResetSubject};
use crate::{
    domain::{
        caller::{Caller, Permission},
        error::{Error, Result, Violations},
        temp_pass::{ResetBy, ResetTarget, TrialApplication},
    },
    service::audit::{End, Event, Origin},
};

/// What the audit log calls a reset.
const RESET: &str = "temp_pass_reset";

/// A request to reset, in valid parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetTempPass {
    pub place: TempPassPlace,
    /// Which trials.
    pub target: ResetTarget,
    /// Which of these; nothing asked for is whatever they have.
    pub application: TrialApplication,
    /// By which of the two operations it was asked for.
    pub by: ResetBy,
}

impl TempPassService {
    /// Resets. How many trials it were, where that is known.
    ///
    /// # Errors
    /// `PermissionMissing`, `TempPassNotFound`, `TempPassNotPromotional`, `InvalidFields` and `StoreUnavailable` of
    /// [`Error`].
    pub async fn reset(
        &self,
        caller: &Caller,
        origin: &Origin,
        request: ResetTempPass,
    ) -> Result<Option<u64>> {
        let (service, caller, origin) = (self.clone(), caller.clone(), origin.clone());
        // On a task of its own: a caller that leaves in the middle must not leave a reset without its entry.
        let reset = async move { service.reset_here(&caller, &origin, &request).await };
        let done = self.parts.tasks.spawn(reset.in_current_span()).await;
        done.unwrap_or_else(|failed| Err(Error::Internal(failed.to_string())))
    }

    /// The same on the task of who calls it, who must see it to its end.
    pub(super) async fn reset_here(
        &self,
        caller: &Caller,
        origin: &Origin,
        request: &ResetTempPass,
    ) -> Result<Option<u64>> {
        let reset = self.reset_silently(caller, request).await;
        let (audit, key) = (&self.parts.audit, request.place.key());
        let count = reset.as_ref().ok().copied().flatten();
        let subject = ResetSubject::new(audit, &key, &request.target, &request.application, count);
        let end = End::of(&reset);
        audit.record_call(&Event { name: RESET, caller: caller.name(), origin, subject, end }).await;
        reset
    }

    /// The same without an entry in the audit log.
    async fn reset_silently(&self, caller: &Caller, request: &ResetTempPass) -> Result<Option<u64>> {
        let ResetTempPass { place, target, application, by } = request;
        let permission = match target {
            ResetTarget::Device(_) | ResetTarget::Key(_) => Permission::TempPassesReset,
            ResetTarget::All => Permission::TempPassesResetAll,
        };
        caller.require(permission, &place.place.environment, &place.place.requestor)?;
        let (backend, rule, api) = self.backend(place)?;
        if *by == ResetBy::Key && rule.is_some_and(|rule| !rule.is_promotional()) {
            return Err(Error::TempPassNotPromotional);
        }
        if *target == ResetTarget::All && !application.is_empty() {
            let mut violations = Violations::default();
            let text = "cannot be asked for together with all: a reset of all resets every trial";
            for (field, asked) in [("app_id", &application.app_id), ("device_user", &application.device_user)]
            {
                if !asked.is_empty() {
                    violations.add(field, text);
                }
            }
            return Err(violations.into_error());
        }
        let key = place.key();
        if caller.context().relayed_token.is_some() && api.is_none() {
            // Its permissions are the upstream's to judge, which is not asked here.
            return Err(Error::PermissionMissing { caller: caller.name().to_string(), permission });
        }
        backend.resets().reset(caller.context(), &key, target, *by, application).await
    }
}
