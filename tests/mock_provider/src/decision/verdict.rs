//! Decisions that tests set.

use serde::{Deserialize, Deserializer, de::Error};

use super::{Question, item::Outcome};
use crate::{owner::Owner, problem, problem::Problem, settings::Settings};

/// A decision that a test has set. Absent members match every value.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verdict {
    service_provider: Option<String>,
    mvpd: Option<String>,
    device_id: Option<String>,
    resource: Option<String>,
    question: Option<Question>,
    /// Whether the viewer may watch; by default yes, unless a code is set.
    authorized: Option<bool>,
    /// The source, such as `mvpd`, `degradation`, `temppass` and `dummy`; by default the usual one.
    source: Option<String>,
    /// The reason of a denial.
    #[serde(default, deserialize_with = "problem")]
    code: Option<Problem>,
    /// The operator's message for the viewer.
    details: Option<String>,
    /// How long the decision is valid; by default a denial has no validity.
    ttl_ms: Option<i64>,
    /// How often it applies; by default always.
    times: Option<u64>,
}

/// All decisions that tests have set, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Verdicts(Vec<Verdict>);

fn problem<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Problem>, D::Error> {
    let code = String::deserialize(deserializer)?;
    let problem = Problem::find(&code);
    problem.map(Some).ok_or_else(|| D::Error::custom(format!("the provider has no error code {code}")))
}

impl Verdicts {
    /// Adds a decision that takes precedence over earlier ones.
    pub(crate) fn add(&mut self, verdict: Verdict) {
        self.0.push(verdict);
    }

    /// Removes all decisions.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The decision that a test has set for this call.
    pub(super) fn hit(
        &mut self,
        owner: &Owner,
        mvpd: &str,
        question: Question,
        resource: &str,
    ) -> Option<Verdict> {
        let matches = |verdict: &&mut Verdict| verdict.matches(owner, mvpd, question, resource);
        let verdict = self.0.iter_mut().rev().find(matches)?;
        verdict.times = verdict.times.map(|times| times - 1);
        Some(verdict.clone())
    }
}

impl Verdict {
    fn matches(&self, owner: &Owner, mvpd: &str, question: Question, resource: &str) -> bool {
        let is = |expected: &Option<String>, found: &str| {
            expected.as_deref().is_none_or(|expected| expected == found)
        };
        self.times != Some(0)
            && is(&self.service_provider, &owner.service_provider)
            && is(&self.device_id, &owner.device)
            && is(&self.mvpd, mvpd)
            && is(&self.resource, resource)
            && self.question.is_none_or(|expected| expected == question)
    }

    /// The resulting decision.
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
