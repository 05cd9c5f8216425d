//! TempPasses: authorize, get, reset.

mod authorize;
mod batch;
mod get;
mod reset;
pub(crate) mod reset_subject;
mod schedule;

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::{
    audit::{AuditLog, AuditOrigin},
    backends::Backends,
    policy::{Place, Policy, SharedPolicy},
    quota::Quota,
};
use crate::domain::{
    backend::SharedBackend,
    error::{Error, Result, Violations},
    id::MvpdId,
    registration_code::UpstreamApi,
    temp_pass::{TempPassKey, TempPassRule, TrialIdentity},
};

pub(crate) use crate::domain::{schedule::ScheduleOutcome, temp_pass::ResetBy};
pub(crate) use authorize::AuthorizeTempPass;
pub(crate) use batch::{BatchItem, BatchItemResult};
pub(crate) use get::GetTempPass;
pub(crate) use reset::ResetTempPass;
pub(crate) use schedule::{OnRun, ScheduleStatus, Scheduler};

/// The TempPass use cases. A cheap handle.
#[derive(Clone)]
pub struct TempPassService {
    parts: Arc<TempPassDependencies>,
}

/// The dependencies of the use cases.
pub struct TempPassDependencies {
    /// The backends, which keep trials.
    pub backends: Backends,
    /// The operator's configuration.
    pub policy: SharedPolicy,
    /// The audit log of resets.
    pub audit: AuditLog,
    /// The quota of open batches.
    pub batches: Arc<Quota>,
    /// Tracks resets that outlive their callers. They run on the runtime of their caller, and the drain waits for them.
    pub tasks: TaskTracker,
}

/// The TempPass of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TempPassPlace {
    /// Environment and requestor.
    pub place: Place,
    /// The TempPass.
    pub mvpd: MvpdId,
}

impl TempPassPlace {
    fn key(&self) -> TempPassKey {
        let Place { environment, requestor } = self.place.clone();
        TempPassKey { environment, requestor, mvpd: self.mvpd.clone() }
    }
}

impl TempPassService {
    /// Creates the use cases.
    #[must_use]
    pub fn new(parts: TempPassDependencies) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// The operator's configuration, for faces that need to know the places.
    #[must_use]
    pub fn policy(&self) -> &SharedPolicy {
        &self.parts.policy
    }

    /// The backend that keeps the TempPass's trials, and the TempPass's rule, which is optional for an upstream.
    fn backend(
        &self,
        place: &TempPassPlace,
    ) -> Result<(SharedBackend, Option<TempPassRule>, Option<UpstreamApi>)> {
        let policy: &Policy = &self.parts.policy.load();
        let rule = policy.temp_pass(&place.place, &place.mvpd);
        let api = policy.upstream_api(&place.place);
        if rule.is_none() && api.is_none() {
            return Err(Error::TempPassNotFound { mvpd: place.mvpd.to_string() });
        }
        Ok((self.parts.backends.of(policy, &place.place.environment, api)?, rule, api))
    }
}

/// A trial of a promotional TempPass is identified by its user as well; a trial of a basic one is not.
fn check_identity(rule: Option<&TempPassRule>, identity: &TrialIdentity) -> Result<()> {
    let Some(rule) = rule else { return Ok(()) };
    let mut violations = Violations::default();
    match (rule.is_promotional(), &identity.generic_key) {
        (true, Some(_)) | (false, None) => return Ok(()),
        (true, None) => violations.add(
            "identity",
            "is required, because this TempPass is promotional; set generic_key or user_identifier",
        ),
        (false, Some(_)) => violations.add(
            "identity",
            "must not be set, because this TempPass is basic: its trials are identified by device only",
        ),
    }
    Err(violations.into_error())
}

impl std::fmt::Debug for TempPassService {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TempPassService").finish_non_exhaustive()
    }
}
