//! Decisions of TempPasses.

use super::{Question, item::Outcome};
use crate::{
    owner::Owner,
    problem,
    state::Mock,
    trial::{self, Denial, Trial, TrialLimits},
};

const SOURCE: &str = "temppass";

/// The decision of a trial. A preauthorization neither starts the trial nor uses a resource, and decides on each of several
/// resources separately (assumption).
pub(super) fn decide(
    mock: &mut Mock,
    owner: &Owner,
    mvpd: &str,
    limits: &TrialLimits,
    question: Question,
    resource: &str,
    identity: Option<&str>,
) -> Outcome {
    if !limits.is_valid() {
        return Outcome::deny(SOURCE, problem::TEMPORARY_ACCESS_CONFIGURATION);
    }
    let now = mock.clock.now();
    let holders = trial::holders(limits, owner.device.clone(), identity.map(str::to_owned));
    let found = mock.trials.find(&owner.service_provider, mvpd, &holders);
    let mut trial = found.unwrap_or_else(|| Trial::start(now));
    match trial.take(resource, limits, now) {
        Ok(()) => {
            let expiry = trial.expiry(limits);
            if question == Question::Authorize {
                mock.trials.keep(&owner.service_provider, mvpd, holders, &trial);
            }
            Outcome::permit(SOURCE, Some(expiry))
        }
        Err(Denial::Duration) => Outcome::deny(SOURCE, problem::DURATION_EXCEEDED),
        Err(Denial::Resources) => Outcome::deny(SOURCE, problem::RESOURCES_EXCEEDED),
    }
}
