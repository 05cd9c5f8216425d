//! A decision in a response.

use serde_json::{Value, json};

use super::{Question, media_token};
use crate::{mvpd::Mvpd, owner::Owner, problem::Problem, settings::Settings};

/// The decision.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The source of the decision.
    pub source: String,
    /// The reason of a denial, with the operator's message for the viewer.
    pub denial: Option<(Problem, Option<String>)>,
    /// The expiry of the decision, if it is returned.
    pub not_after: Option<i64>,
}

/// The subject of the decision.
pub(super) struct DecisionContext<'a> {
    pub owner: &'a Owner,
    pub mvpd: &'a Mvpd,
    pub question: Question,
    pub now: i64,
    pub settings: &'a Settings,
}

impl Outcome {
    /// A permission until then.
    pub(super) fn permit(source: &str, not_after: Option<i64>) -> Self {
        Self { source: source.to_owned(), denial: None, not_after }
    }

    /// A denial.
    pub(super) fn deny(source: &str, problem: Problem) -> Self {
        Self { source: source.to_owned(), denial: Some((problem, None)), not_after: None }
    }
}

impl DecisionContext<'_> {
    /// The decision on this resource.
    pub(super) fn item(&self, resource: &str, outcome: &Outcome) -> Value {
        let padding = if self.settings.pads_resources { " " } else { "" };
        let mut item = json!({
            "resource": format!("{resource}{padding}"),
            "serviceProvider": self.owner.service_provider,
            "mvpd": self.mvpd.id,
            "source": outcome.source,
            "authorized": outcome.denial.is_none(),
        });
        if let Some((problem, details)) = &outcome.denial {
            item["error"] = problem.to_json(details.as_deref());
        }
        // A preauthorization has neither times nor a token.
        if self.question == Question::Authorize {
            if let Some(not_after) = outcome.not_after {
                item["notBefore"] = json!(self.now);
                item["notAfter"] = json!(not_after);
            }
            if outcome.denial.is_none() {
                item["token"] = self.token(resource, outcome.not_after);
            }
        }
        item
    }

    /// The media token, which expires no later than the decision.
    fn token(&self, resource: &str, not_after: Option<i64>) -> Value {
        let not_after =
            not_after.unwrap_or(i64::MAX).min(self.now.saturating_add(self.settings.media_token_ms));
        json!({
            "notBefore": self.now,
            "notAfter": not_after,
            "serializedToken": media_token::serialized(self.owner, &self.mvpd.id, resource, self.now, not_after),
        })
    }
}
