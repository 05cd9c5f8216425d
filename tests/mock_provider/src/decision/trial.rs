//! Decisions of TempPasses.

use super::{Question, item::Outcome};
use crate::{
    owner::Owner,
    problem,
    state::Mock,
    trial::{self, Denial, Rule, Trial},
};

const SOURCE: &str = "temppass";

/// The decision of a trial. A preauthorization neither starts the trial nor uses a resource, and decides on each of several
/// resources separately (assumption).
pub(super) fn decide(
    mock: &mut Mock,
    owner: &Owner,
    mvpd: &str,
    rule: &Rule,
    question: Question,
    resource: &str,
    identity: Option<&str>,
) -> Outcome {
    if !rule.is_valid() {
        return Outcome::deny(SOURCE, problem::TEMPORARY_ACCESS_CONFIGURATION);
    }
    let now = mock.clock.now();
    let subjects = trial::subjects(rule, owner.device.clone(), identity.map(str::to_owned));
    let found = mock.trials.find(&owner.service_provider, mvpd, &subjects);
    let mut trial = found.unwrap_or_else(|| Trial::begin(now));
    match trial.take(resource, rule, now) {
        Ok(()) => {
            let ends = trial.ends(rule);
            if question == Question::Authorize {
                mock.trials.keep(&owner.service_provider, mvpd, subjects, &trial);
            }
            Outcome::permit(SOURCE, Some(ends))
        }
        Err(Denial::Duration) => Outcome::deny(SOURCE, problem::DURATION_EXCEEDED),
        Err(Denial::Resources) => Outcome::deny(SOURCE, problem::RESOURCES_EXCEEDED),
    }
}
