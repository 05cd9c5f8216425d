//! Whether a viewer may watch, v2 (reference, section 7).

use base64::{Engine, prelude::BASE64_STANDARD};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    call::Call,
    problem::{self, Problem},
    state::Mock,
    trial::{self, Denial, Rule, Trial},
    viewer,
};

/// How long players may use a media token.
const TOKEN_TTL: i64 = 7 * 60 * 1000;
/// How long an operator's decision holds.
const DECISION_TTL: i64 = 24 * 3600 * 1000;

#[derive(Deserialize)]
struct Request {
    resources: Vec<String>,
}

/// For whom it is decided.
struct Subject<'a> {
    service_provider: &'a str,
    mvpd: &'a str,
    source: &'static str,
    now: i64,
}

/// `POST /api/v2/{serviceProvider}/decisions/authorize/{mvpd}`
pub(crate) fn authorize(
    mock: &mut Mock,
    call: &Call,
    service_provider: &str,
    mvpd: &str,
) -> Result<Answer, Answer> {
    let device = viewer::device_id(call)?;
    viewer::device(call)?;
    let request =
        serde_json::from_slice(&call.body).ok().filter(|request: &Request| !request.resources.is_empty());
    let resources = request.ok_or_else(|| problem::INVALID_RESOURCES.answer())?.resources;
    let decisions = match Rule::of(mvpd) {
        Some(rule) => try_out(mock, call, &rule, device, (service_provider, mvpd), &resources)?,
        None => ask_operator(mock, &device, (service_provider, mvpd), &resources),
    };
    Ok(Answer::json(StatusCode::OK, &json!({ "decisions": decisions })))
}

fn ask_operator(
    mock: &Mock,
    device: &str,
    (service_provider, mvpd): (&str, &str),
    resources: &[String],
) -> Vec<Value> {
    let now = mock.clock.now();
    let is_logged_in = mock.logins.find(service_provider, device, mvpd, now).is_some();
    let verdict = if is_logged_in { Ok(now + DECISION_TTL) } else { Err(&problem::PROFILE_MISSING) };
    let subject = Subject { service_provider, mvpd, source: "mvpd", now };
    resources.iter().map(|resource| subject.decision(resource, verdict)).collect()
}

fn try_out(
    mock: &mut Mock,
    call: &Call,
    rule: &Rule,
    device: String,
    (service_provider, mvpd): (&str, &str),
    resources: &[String],
) -> Result<Vec<Value>, Answer> {
    let identity = viewer::identity(call);
    if rule.is_promotional() && identity.is_none() {
        return Err(problem::INVALID_IDENTITY.answer());
    }
    let now = mock.clock.now();
    let subjects = trial::subjects(rule, device, identity);
    let found = mock.trials.find(service_provider, mvpd, &subjects);
    let mut trial = found.unwrap_or_else(|| Trial::begin(now));
    let subject = Subject { service_provider, mvpd, source: "temppass", now };
    let mut decide = |resource: &String| {
        let taken = trial.take(resource, rule, now);
        subject.decision(resource, taken.map(|()| trial.ends(rule)).map_err(reason))
    };
    let decisions: Vec<_> = resources.iter().map(&mut decide).collect();
    // Who was let nowhere has not joined the trial.
    if decisions.iter().any(|decision| decision["authorized"] == true) {
        mock.trials.keep(service_provider, mvpd, subjects, &trial);
    }
    Ok(decisions)
}

fn reason(denial: Denial) -> &'static Problem {
    match denial {
        Denial::Duration => &problem::DURATION_EXCEEDED,
        Denial::Resources => &problem::RESOURCES_EXCEEDED,
    }
}

impl Subject<'_> {
    /// The decision: the time until which it holds, or what stands against it.
    fn decision(&self, resource: &str, verdict: Result<i64, &Problem>) -> Value {
        let mut decision = json!({
            "resource": resource,
            "serviceProvider": self.service_provider,
            "mvpd": self.mvpd,
            "source": self.source,
            "authorized": verdict.is_ok(),
        });
        match verdict {
            Ok(not_after) => {
                decision["notBefore"] = json!(self.now);
                decision["notAfter"] = json!(not_after);
                decision["token"] = self.token(resource, not_after);
            }
            Err(problem) => decision["error"] = problem.to_json(),
        }
        decision
    }

    fn token(&self, resource: &str, not_after: i64) -> Value {
        let not_after = not_after.min(self.now + TOKEN_TTL);
        let claims = format!("{}|{}|{resource}|{not_after}", self.service_provider, self.mvpd);
        json!({
            "notBefore": self.now,
            "notAfter": not_after,
            "serializedToken": BASE64_STANDARD.encode(claims),
        })
    }
}
