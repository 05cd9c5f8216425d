//! Reset: resets one trial, or all trials of a TempPass. Each reset leaves an entry in the audit log, even if it is
//! rejected.

use tracing::Instrument;

use super::{TempPassPlace, TempPassService, reset_subject::ResetSubject};
use crate::{
    domain::{
        caller::{Caller, Permission},
        error::{Error, Result, Violations},
        temp_pass::{ResetBy, ResetTarget, TrialApplication},
    },
    service::audit::{AuditEvent, AuditOrigin, AuditOutcome},
};

/// The name of the audit event.
const RESET: &str = "temp_pass_reset";

/// A reset request in validated form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetTempPass {
    pub place: TempPassPlace,
    /// The trials to reset.
    pub target: ResetTarget,
    /// Restricts the trials further; empty for no restriction.
    pub application: TrialApplication,
    /// The requested one of the two operations.
    pub by: ResetBy,
}

impl TempPassService {
    /// Resets trials. Returns the number of trials, if known.
    ///
    /// # Errors
    /// `PermissionMissing`, `TempPassNotFound`, `TempPassNotPromotional`, `InvalidFields` and `StoreUnavailable` of
    /// [`Error`].
    pub async fn reset(
        &self,
        caller: &Caller,
        origin: &AuditOrigin,
        request: ResetTempPass,
    ) -> Result<Option<u64>> {
        let (service, caller, origin) = (self.clone(), caller.clone(), origin.clone());
        // In a detached task: a reset must leave its entry even if the caller disconnects.
        let reset = async move { service.reset_here(&caller, &origin, &request).await };
        let done = self.parts.tasks.spawn(reset.in_current_span()).await;
        done.unwrap_or_else(|failed| Err(Error::Internal(failed.to_string())))
    }

    /// Resets on the caller's task, which must run it to completion.
    pub(super) async fn reset_here(
        &self,
        caller: &Caller,
        origin: &AuditOrigin,
        request: &ResetTempPass,
    ) -> Result<Option<u64>> {
        let reset = self.reset_silently(caller, request).await;
        let (audit, key) = (&self.parts.audit, request.place.key());
        let count = reset.as_ref().ok().copied().flatten();
        let subject = ResetSubject::new(audit, &key, &request.target, &request.application, count);
        let end = AuditOutcome::of(&reset);
        audit.record_call(&AuditEvent { name: RESET, caller: caller.name(), origin, subject, end }).await;
        reset
    }

    /// Resets without an entry in the audit log.
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
            let text = "cannot be combined with all, which resets every trial";
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
            // The upstream checks its permissions, and is not called here.
            return Err(Error::PermissionMissing { caller: caller.name().to_string(), permission });
        }
        backend.resets().reset(caller.context(), &key, target, *by, application).await
    }
}
