//! TempPasses: authorize, look, reset.

mod authorize;
mod batch;
mod get;
mod reset;
pub(crate) mod reset_subject;
mod schedule;

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::{
    audit::{AuditLog, Origin},
    backends::Backends,
    policy::{Place, Policy, SharedPolicy},
    quota::Quota,
};
use crate::domain::{
    backend::SharedBackend,
    error::{Error, Result, Violations},
    id::MvpdId,
    registration::UpstreamApi,
    temp_pass::{TempPassKey, TempPassRule, TrialIdentity},
};

pub(crate) use crate::domain::{schedule::Outcome, temp_pass::ResetBy};
pub(crate) use authorize::AuthorizeTempPass;
pub(crate) use batch::{BatchAnswer, BatchItem};
pub(crate) use get::GetTempPass;
pub(crate) use reset::ResetTempPass;
pub(crate) use schedule::{OnRun, ScheduleStatus, Scheduler};

/// The use cases around TempPasses. A cheap handle.
#[derive(Clone)]
pub struct TempPassService {
    parts: Arc<Parts>,
}

/// What the use cases work with.
pub struct Parts {
    /// Who keeps trials.
    pub backends: Backends,
    /// What the operator configured.
    pub policy: SharedPolicy,
    /// Where resets leave their entries.
    pub audit: AuditLog,
    /// How many batches are served at once.
    pub batches: Arc<Quota>,
    /// Resets whose caller has left, on the threads of who asked for them. The drain waits for them.
    pub tasks: TaskTracker,
}

/// The TempPass that a call is for.
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
    /// The use cases over `parts`.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// What the operator configured, for faces that must know which places there are.
    #[must_use]
    pub fn policy(&self) -> &SharedPolicy {
        &self.parts.policy
    }

    /// Who keeps the TempPass's trials, and what it is: of an upstream's that need not be known here.
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

/// A trial of a promotional TempPass is known by its user too, and that of a basic one is not.
fn check_identity(rule: Option<&TempPassRule>, identity: &TrialIdentity) -> Result<()> {
    let Some(rule) = rule else { return Ok(()) };
    let mut violations = Violations::default();
    match (rule.is_promotional(), &identity.generic_key) {
        (true, Some(_)) | (false, None) => return Ok(()),
        (true, None) => violations.add(
            "identity",
            "is required: this TempPass is promotional; fill generic_key, or user_identifier",
        ),
        (false, Some(_)) => violations.add(
            "identity",
            "must be left out: this TempPass is basic, and its trials are known by their devices only",
        ),
    }
    Err(violations.into_error())
}

impl std::fmt::Debug for TempPassService {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TempPassService").finish_non_exhaustive()
    }
}
