//! What tests order to be decided.

use serde::{Deserialize, Deserializer, de::Error};

use super::{Question, item::Outcome};
use crate::{owner::Owner, problem, problem::Problem, settings::Settings};

/// A decision that a test has ordered: for all that it does not name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verdict {
    service_provider: Option<String>,
    mvpd: Option<String>,
    device_id: Option<String>,
    resource: Option<String>,
    question: Option<Question>,
    /// Whether the viewer may watch: unless a code is named, when this is absent.
    authorized: Option<bool>,
    /// Such as `mvpd`, `degradation`, `temppass` and `dummy`; the usual one, when it is absent.
    source: Option<String>,
    /// What stands against it.
    #[serde(default, deserialize_with = "problem")]
    code: Option<Problem>,
    /// The operator's text for the viewer.
    details: Option<String>,
    /// How long it holds. A denial holds for no time unless this says so.
    ttl_ms: Option<i64>,
    /// For how many decisions; for all, when it is absent.
    times: Option<u64>,
}

/// What has been ordered, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Verdicts(Vec<Verdict>);

fn problem<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Problem>, D::Error> {
    let code = String::deserialize(deserializer)?;
    let problem = Problem::find(&code);
    problem.map(Some).ok_or_else(|| D::Error::custom(format!("the provider has no code {code}")))
}

impl Verdicts {
    /// Adds one, which goes before those that were there.
    pub(crate) fn add(&mut self, verdict: Verdict) {
        self.0.push(verdict);
    }

    /// Removes all.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// What was ordered for this decision.
    pub(super) fn hit(
        &mut self,
        owner: &Owner,
        mvpd: &str,
        question: Question,
        resource: &str,
    ) -> Option<Verdict> {
        let fits = |verdict: &&mut Verdict| verdict.fits(owner, mvpd, question, resource);
        let verdict = self.0.iter_mut().rev().find(fits)?;
        verdict.times = verdict.times.map(|times| times - 1);
        Some(verdict.clone())
    }
}

impl Verdict {
    fn fits(&self, owner: &Owner, mvpd: &str, question: Question, resource: &str) -> bool {
        let is = |meant: &Option<String>, found: &str| meant.as_deref().is_none_or(|meant| meant == found);
        self.times != Some(0)
            && is(&self.service_provider, &owner.service_provider)
            && is(&self.device_id, &owner.device)
            && is(&self.mvpd, mvpd)
            && is(&self.resource, resource)
            && self.question.is_none_or(|meant| meant == question)
    }

    /// What is decided by it.
    pub(super) fn outcome(self, source: &str, now: i64, settings: &Settings) -> Outcome {
        let is_authorized = self.authorized.unwrap_or(self.code.is_none());
        let denial = self.code.unwrap_or(problem::AUTHORIZATION_DENIED);
        Outcome {
            source: self.source.unwrap_or_else(|| source.to_owned()),
            denial: (!is_authorized).then_some((denial, self.details)),
            not_after: match self.ttl_ms {
                Some(ttl) => Some(now.saturating_add(ttl)),
                None => is_authorized.then_some(now.saturating_add(settings.decision_ms)),
            },
        }
    }
}
