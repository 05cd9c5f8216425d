//! Authorization decisions, v2.

mod item;
mod media_token;
mod trial;
mod verdict;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use self::item::{DecisionContext, Outcome};
use crate::{
    answer::Answer,
    mvpd::{Degradation, Mvpd},
    owner::Owner,
    partner::PartnerStatus,
    problem,
    profile::LoginState,
    request::Request,
    state::Mock,
    viewer,
};

pub(crate) use verdict::Verdicts;

/// The kind of decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Question {
    /// Whether the viewer may watch now.
    Authorize,
    /// Which resources of a list the viewer could watch.
    Preauthorize,
}

#[derive(Deserialize)]
struct RequestedResources {
    resources: Vec<String>,
}

/// `POST /api/v2/{serviceProvider}/decisions/authorize/{mvpd}` and `…/preauthorize/{mvpd}`.
pub(crate) fn decide(
    mock: &mut Mock,
    request: &Request<'_>,
    question: Question,
    mvpd: &str,
) -> Result<Answer, Answer> {
    let owner = request.owner()?;
    PartnerStatus::check_mvpd(request.call, mock, mvpd)?;
    let mvpd = mock.catalog.integrated(&owner.service_provider, mvpd)?;
    let resources = resources(mock, request, question)?;
    let identity = viewer::identity(request.call);
    let is_promotional = mvpd.behavior.trial.is_some_and(|limits| limits.is_promotional());
    if is_promotional && identity.is_none() {
        return Err(problem::INVALID_IDENTITY.answer());
    }
    let decisions: Vec<_> = resources
        .iter()
        .map(|resource| decision(mock, &owner, &mvpd, question, resource, identity.as_deref()))
        .collect();
    Ok(Answer::json_utf8(StatusCode::OK, &json!({ "decisions": decisions })))
}

fn resources(mock: &Mock, request: &Request<'_>, question: Question) -> Result<Vec<String>, Answer> {
    let body: Option<RequestedResources> = serde_json::from_slice(&request.call.body).ok();
    let resources = body.map(|body| body.resources).unwrap_or_default();
    if resources.is_empty() || resources.iter().any(|resource| resource.trim().is_empty()) {
        return Err(problem::INVALID_RESOURCES.answer());
    }
    let max = match question {
        Question::Authorize => mock.settings.max_authorize,
        Question::Preauthorize => mock.settings.max_preauthorize,
    };
    if resources.len() > max {
        // The status in the body is 403, but the HTTP status of a decision never is (assumption).
        return Err(problem::TOO_MANY_RESOURCES.answer_with(StatusCode::BAD_REQUEST, None));
    }
    Ok(resources)
}

/// The decision that a test has set, or that of the trial, the degradation or the operator.
fn decision(
    mock: &mut Mock,
    owner: &Owner,
    mvpd: &Mvpd,
    question: Question,
    resource: &str,
    identity: Option<&str>,
) -> Value {
    let now = mock.clock.now();
    let verdict = mock.verdicts.hit(owner, &mvpd.id, question, resource);
    let outcome = match (verdict, &mvpd.behavior.trial) {
        (Some(verdict), _) => verdict.outcome(natural_source(mvpd), now, &mock.settings),
        (None, Some(limits)) => trial::decide(mock, owner, &mvpd.id, limits, question, resource, identity),
        (None, None) => without_trial(mock, owner, mvpd),
    };
    DecisionContext { owner, mvpd, question, now, settings: &mock.settings }.item(resource, &outcome)
}

fn without_trial(mock: &Mock, owner: &Owner, mvpd: &Mvpd) -> Outcome {
    let now = mock.clock.now();
    let source = natural_source(mvpd);
    let until = Some(now.saturating_add(mock.settings.decision_ms));
    match mvpd.behavior.degradation {
        Some(Degradation::AllLoggedIn) => return Outcome::permit(source, until),
        // The pages show only the times of the token.
        Some(Degradation::AllPermitted) => return Outcome::permit(source, None),
        Some(Degradation::NonePermitted) => return Outcome::deny(source, problem::DEGRADATION_RULE),
        None => {}
    }
    match mock.profiles.find(owner, &mvpd.id, now) {
        LoginState::Valid(_) => Outcome::permit(source, until),
        LoginState::Missing => Outcome::deny(source, problem::PROFILE_MISSING),
        LoginState::Expired => Outcome::deny(source, problem::PROFILE_EXPIRED),
        LoginState::Invalidated => Outcome::deny(source, problem::PROFILE_INVALIDATED),
    }
}

/// The source of decisions that no test has set.
fn natural_source(mvpd: &Mvpd) -> &'static str {
    if mvpd.behavior.trial.is_some() {
        "temppass"
    } else if mvpd.behavior.degradation.is_some() {
        "degradation"
    } else if mvpd.behavior.is_dummy {
        "dummy"
    } else {
        "mvpd"
    }
}
