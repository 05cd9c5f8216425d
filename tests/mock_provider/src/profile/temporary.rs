//! Profiles without a login: those of TempPasses and of degraded operators.

use serde_json::{Value, json};

use crate::{
    answer::Answer,
    attribute::{identifier, plain},
    owner::Owner,
    problem,
    settings::TrialProfiles,
    state::Mock,
    trial::{self, Denial, Trial, TrialLimits},
};

/// The prefix of the user id of a degraded profile.
const DEGRADED_PREFIX: &str = "95cf93bcd183214a";

/// The profile of a TempPass, or the documented error if it is used up.
pub(super) fn of_trial(
    mock: &Mock,
    owner: &Owner,
    mvpd: &str,
    limits: &TrialLimits,
    identity: Option<String>,
) -> Result<Option<Value>, Answer> {
    if !limits.is_valid() {
        return Err(problem::TEMPORARY_ACCESS_CONFIGURATION.answer());
    }
    if limits.is_promotional() && identity.is_none() {
        return Err(problem::INVALID_IDENTITY.answer());
    }
    let now = mock.clock.now();
    let holders = trial::holders(limits, owner.device.clone(), identity);
    let found = mock.trials.find(&owner.service_provider, mvpd, &holders);
    if mock.settings.trial_profiles == TrialProfiles::Begun {
        let active = found.filter(|trial| !trial.is_expired(limits, now));
        return Ok(active.map(|trial| trial.to_json(limits, &owner.device)));
    }
    let trial = found.unwrap_or_else(|| Trial::start(now));
    match trial.is_used_up(limits, now) {
        None => Ok(Some(trial.to_json(limits, &owner.device))),
        Some(Denial::Duration) => Err(problem::DURATION_EXCEEDED.answer()),
        Some(Denial::Resources) => Err(problem::RESOURCES_EXCEEDED.answer()),
    }
}

/// The profile of a device with a degraded operator.
pub(super) fn degraded(mock: &Mock, owner: &Owner) -> Value {
    let now = mock.clock.now();
    let user = format!("{DEGRADED_PREFIX}{}", identifier(&owner.device));
    json!({
        "notBefore": now,
        "notAfter": now.saturating_add(mock.settings.profile_ms),
        "issuer": "Adobe",
        "type": "degraded",
        "attributes": { "userID": plain(json!(user)) },
    })
}
