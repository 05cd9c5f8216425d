//! Trials of TempPasses: a TempPass is an operator here that decides for itself.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Device, Subject, decision::Decisions, profile::Profiles};
use crate::{
    backend::upstream::{
        Upstream,
        failure::{denial, refusal_by_code},
        json::whole,
    },
    domain::{
        backend::{TrialBackend, TrialSubject},
        call::CallContext,
        clock::Timestamp,
        entitlement::{Profile, ProfileKind, RefusalReason, ResourceDecision},
        error::{Error, Result, Violations},
        port::Verdict,
        temp_pass::{Denial, ResourceId, TrialApplication, TrialState, TrialView},
    },
};

/// What the decisions of TempPasses say that they come from.
const DECISION_SOURCE: &str = "temppass";

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
        let (mvpd, theirs) = (&subject.temp_pass.mvpd, in_their_words(&subject)?);
        let decision = self.decisions.authorize(context, &theirs, mvpd, resource.as_str()).await?;
        verdict(decision, &subject, resource)
    }

    async fn get(&self, context: &CallContext, subject: &TrialSubject) -> Result<TrialView> {
        let mvpd = &subject.temp_pass.mvpd;
        match self.profiles.of_mvpd(context, &in_their_words(subject)?, mvpd).await {
            Ok(None) => Ok(not_started(subject)),
            Ok(Some(Profile { kind, .. })) if kind != ProfileKind::Temporary => {
                Err(not_a_temp_pass(subject, Some(kind.as_str())))
            }
            Ok(Some(profile)) => Ok(view(&profile, self.upstream.inner.parts.clock.now())),
            // A trial that is used up has no profile.
            Err(error) => match denial(&error).and_then(|(reason, _)| trial_denial(reason)) {
                Some(denial) => Ok(denied(denial).trial),
                None => Err(error),
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
    let device = Device {
        id: &subject.identity.device_id,
        info: device_info.encode().into(),
        user_agent: &facts.user_agent,
        address: facts.ip,
        hints: None,
    };
    // The pages' example carries a clear address; by default we send its digest.
    let identifier = facts.user_identifier.as_ref().map(|identifier| identifier.reveal());
    let user = identifier.or_else(|| subject.identity.generic_key.as_ref().map(|key| key.as_str()));
    // The name in the pages' example, whatever it is that a user is known by.
    let identity = user.map(|user| json!({ "email": user }).to_string().into());
    Ok(Subject { requestor: &subject.temp_pass.requestor, device, identity })
}

fn verdict(decision: ResourceDecision, subject: &TrialSubject, resource: ResourceId) -> Result<Verdict> {
    let ResourceDecision { source, refusal, media_token, .. } = decision;
    let source = source.as_deref();
    let is_temp_pass = source.is_some_and(|source| source.eq_ignore_ascii_case(DECISION_SOURCE));
    if let Some(refusal) = refusal {
        if let Some(denial) = trial_denial(refusal.reason) {
            return Ok(denied(denial));
        }
        return Err(match refusal_by_code(refusal.answer.clone()) {
            Some(error) if is_temp_pass || source.is_none() => error,
            _ if is_temp_pass => Error::UpstreamForbidden { answer: refusal.answer, was_fast: false },
            _ => not_a_temp_pass(subject, source),
        });
    }
    if !is_temp_pass {
        return Err(not_a_temp_pass(subject, source));
    }
    let trial = TrialView { state: TrialState::Active, used_resources: vec![resource], ..unknown() };
    Ok(Verdict { denial: None, trial, media_token })
}

fn trial_denial(reason: RefusalReason) -> Option<Denial> {
    match reason {
        RefusalReason::TrialExpired => Some(Denial::Expired),
        RefusalReason::TrialExhausted => Some(Denial::Exhausted),
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
    let remaining_resources = profile.attribute("remaining_resources").and_then(whole);
    let remaining_resources = remaining_resources.and_then(|count| u32::try_from(count).ok());
    let state = match remaining_resources {
        _ if profile.has_expired(now) => TrialState::Expired,
        Some(0) => TrialState::Exhausted,
        _ => TrialState::Active,
    };
    TrialView {
        state,
        start_time: profile.issue_time,
        expire_time: profile.expire_time,
        remaining_resources,
        used_resources: profile.attribute("used_assets").map(resources).unwrap_or_default(),
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

fn not_a_temp_pass(subject: &TrialSubject, source: Option<&str>) -> Error {
    Error::NotATempPass {
        mvpd: subject.temp_pass.mvpd.to_string(),
        source_name: source.unwrap_or_default().to_owned(),
    }
}
