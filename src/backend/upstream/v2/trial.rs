//! Trials of TempPasses: a TempPass is an operator here that decides for itself.

use async_trait::async_trait;
use serde_json::Value;

use super::{
    Device, Subject,
    decision::{Decision, Decisions},
    profile::{Profile, Profiles},
};
use crate::{
    backend::upstream::{
        Upstream,
        failure::refusal_by_code,
        json::{number, plain},
    },
    domain::{
        backend::{TrialBackend, TrialSubject},
        call::CallContext,
        clock::Timestamp,
        error::{Error, Result, UpstreamAnswer, Violations},
        port::Verdict,
        temp_pass::{Denial, ResourceId, TempPassKey, TrialApplication, TrialState, TrialView},
    },
};

/// What the decisions and profiles of TempPasses say that they come from.
const DECISION_SOURCE: &str = "temppass";
const PROFILE_TYPE: &str = "temporary";

/// The provider's own codes of denials.
const DURATION_EXCEEDED: &str = "temporary_access_duration_limit_exceeded";
const RESOURCES_EXCEEDED: &str = "temporary_access_resources_limit_exceeded";

/// Trials over profiles and decisions.
pub(super) struct V2Trials {
    upstream: Upstream,
    profiles: Profiles,
    decisions: Decisions,
}

impl V2Trials {
    pub(super) fn new(upstream: Upstream) -> Self {
        let (profiles, decisions) = (Profiles::new(upstream.clone()), Decisions::new(upstream.clone()));
        Self { upstream, profiles, decisions }
    }
}

#[async_trait]
impl TrialBackend for V2Trials {
    async fn authorize(
        &self,
        context: &CallContext,
        subject: TrialSubject,
        resource: ResourceId,
        _: TrialApplication,
    ) -> Result<Verdict> {
        match self.decisions.authorize(context, &in_their_words(&subject)?, &resource).await {
            Ok(decision) => verdict(decision, &subject, resource),
            Err(error) => match error.upstream_answer().and_then(denial) {
                Some(denial) => Ok(denied(denial)),
                None => Err(error),
            },
        }
    }

    async fn get(&self, context: &CallContext, subject: &TrialSubject) -> Result<TrialView> {
        match self.profiles.of_mvpd(context, &in_their_words(subject)?).await? {
            None => Ok(not_started(subject)),
            Some(profile) => match &profile.kind {
                Some(kind) if kind.eq_ignore_ascii_case(PROFILE_TYPE) => {
                    Ok(view(&profile, self.upstream.inner.parts.clock.now()))
                }
                _ => Err(not_a_temp_pass(subject, profile.kind)),
            },
        }
    }
}

/// Whose trial it is, as version 2 is told.
fn in_their_words(subject: &TrialSubject) -> Result<Subject<'_>> {
    let facts = &subject.facts;
    let mut violations = Violations::default();
    if facts.device_info.is_none() {
        violations.add("device", "is required over version 2 of the upstream: device_info, or x_device_info");
    }
    if facts.ip.is_none() {
        violations
            .add("device_ip", "is required: the upstream counts the calls of each device by its address");
    }
    let Some(device_info) = facts.device_info.as_ref().filter(|_| violations.is_empty()) else {
        return Err(violations.into_error());
    };
    let TempPassKey { requestor, mvpd, .. } = &subject.temp_pass;
    let device = Device {
        id: &subject.identity.device_id,
        info: device_info.encode(),
        user_agent: &facts.user_agent,
        address: facts.ip,
    };
    // The pages' example carries a clear address; by default we send its digest.
    let identifier = facts.user_identifier.as_ref().map(|identifier| identifier.reveal());
    let user = identifier.or_else(|| subject.identity.generic_key.as_ref().map(|key| key.as_str()));
    Ok(Subject { requestor, mvpd, device, user })
}

fn verdict(decision: Decision, subject: &TrialSubject, resource: ResourceId) -> Result<Verdict> {
    let Decision { is_authorized, source, said, media_token } = decision;
    if let Some(denial) = denial(&said) {
        return Ok(denied(denial));
    }
    let is_temp_pass = source.as_deref().is_some_and(|source| source.eq_ignore_ascii_case(DECISION_SOURCE));
    if !is_authorized {
        return Err(match refusal_by_code(said.clone()) {
            Some(error) if is_temp_pass || source.is_none() => error,
            _ if is_temp_pass => Error::UpstreamForbidden { answer: said, was_fast: false },
            _ => not_a_temp_pass(subject, source),
        });
    }
    if !is_temp_pass {
        return Err(not_a_temp_pass(subject, source));
    }
    let trial = TrialView { state: TrialState::Active, used_resources: vec![resource], ..unknown() };
    Ok(Verdict { denial: None, trial, media_token })
}

fn denial(said: &UpstreamAnswer) -> Option<Denial> {
    match said.code.as_deref()? {
        DURATION_EXCEEDED => Some(Denial::Expired),
        RESOURCES_EXCEEDED => Some(Denial::Exhausted),
        _ => None,
    }
}

fn denied(denial: Denial) -> Verdict {
    let (state, remaining_resources) = match denial {
        Denial::Expired => (TrialState::Expired, None),
        Denial::Exhausted => (TrialState::Exhausted, Some(0)),
    };
    let trial = TrialView { state, remaining_resources, ..unknown() };
    Verdict { denial: Some(denial), trial, media_token: None }
}

/// A decision tells nothing of the trial but its state.
fn unknown() -> TrialView {
    TrialView {
        state: TrialState::Active,
        start_time: None,
        expire_time: None,
        remaining_resources: None,
        used_resources: Vec::new(),
    }
}

fn not_started(subject: &TrialSubject) -> TrialView {
    match &subject.rule {
        Some(rule) => TrialView::not_started(rule),
        None => TrialView { state: TrialState::NotStarted, ..unknown() },
    }
}

fn view(profile: &Profile, now: Timestamp) -> TrialView {
    let remaining_resources = profile
        .attribute("remaining_resources")
        .and_then(|attribute| number(attribute, "value"))
        .and_then(|count| u32::try_from(count).ok());
    let state = match (profile.expire_time, remaining_resources) {
        (Some(end), _) if end <= now => TrialState::Expired,
        (_, Some(0)) => TrialState::Exhausted,
        _ => TrialState::Active,
    };
    TrialView {
        state,
        start_time: profile.start_time,
        expire_time: profile.expire_time,
        remaining_resources,
        used_resources: profile
            .attribute("used_assets")
            .and_then(|used| used.get("value"))
            .map(resources)
            .unwrap_or_default(),
    }
}

/// A list, or text with commas: the pages show both.
fn resources(value: &Value) -> Vec<ResourceId> {
    let parse = |text: &str| ResourceId::parse("used_assets", text.trim()).ok();
    match value {
        Value::Array(items) => items.iter().filter_map(|item| parse(item.as_str()?)).collect(),
        Value::String(text) => text.split(',').filter_map(parse).collect(),
        _ => Vec::new(),
    }
}

fn not_a_temp_pass(subject: &TrialSubject, source: Option<String>) -> Error {
    Error::NotATempPass {
        mvpd: subject.temp_pass.mvpd.to_string(),
        source_name: plain(&source.unwrap_or_default(), 64),
    }
}
