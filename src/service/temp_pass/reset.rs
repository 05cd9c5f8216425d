//! Reset: one trial, or all of a TempPass. Each leaves an entry in the audit log.

use tracing::Instrument;

use super::{TempPassPlace, TempPassService};
use crate::{
    domain::{
        caller::{Caller, Permission},
        error::{Error, Result, Violations},
        temp_pass::{ResetBy, ResetTarget, TrialApplication},
    },
    service::audit::{ResetEntry, ResetResult},
};

/// A request to reset, in valid parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetTempPass {
    /// The TempPass.
    pub place: TempPassPlace,
    /// Which trials.
    pub target: ResetTarget,
    /// Which of these; nothing asked for is whatever they have.
    pub application: TrialApplication,
    /// By which of the two operations it was asked for.
    pub by: ResetBy,
}

/// From where a reset came, for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `grpc`, `rest`, or `schedule`.
    pub face: &'static str,
    /// The caller's own id of its request, where it has one.
    pub request_id: Option<String>,
}

/// The header in which callers and proxies name a request, and its longest value, in bytes.
const REQUEST_ID: &str = "x-request-id";
const REQUEST_ID_MAX: usize = 128;

impl Origin {
    /// A call of this face with these headers.
    #[must_use]
    pub fn new(face: &'static str, headers: &http::HeaderMap) -> Self {
        let request_id = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
        let request_id = request_id.filter(|text| (1..=REQUEST_ID_MAX).contains(&text.len()));
        Self { face, request_id: request_id.map(str::to_owned) }
    }
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
        let reset = backend.trials.reset(caller.context(), &key, target, *by, application).await;
        if let Some(result) = ResetResult::of(&reset) {
            let caller = caller.name();
            let entry = ResetEntry { caller, origin, temp_pass: &key, target, application, result };
            self.parts.audit.record(&entry).await;
        }
        reset
    }
}
