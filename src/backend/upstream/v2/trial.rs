//! Trials of TempPasses. In version 2, a TempPass is an operator that makes its own decisions.

use std::time::Duration;

use async_trait::async_trait;
use quick_cache::sync::Cache;
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_128;

use super::{ProviderDevice, ProviderSubject, decision::Decisions, profile::Profiles};
use crate::{
    backend::upstream::{
        Upstream,
        failure::{denial, refusal_by_code},
        json::whole,
    },
    domain::{
        backend::{TrialBackend, TrialSubject},
        call::CallContext,
        clock::{MonotonicInstant, Timestamp},
        entitlement::{Profile, ProfileKind, RefusalReason, ResourceDecision},
        error::{Error, Result, Violations},
        port::TrialVerdict,
        temp_pass::{Denial, ResourceId, TrialApplication, TrialState, TrialView},
    },
};

/// The source of a TempPass's decisions.
const DECISION_SOURCE: &str = "temppass";

/// A trial with a start time within this duration may not have started: the provider may return a profile before the
/// first decision, with the time of the response as its start. The duration covers clock skew and latency.
const JUST_NOW: Duration = Duration::from_secs(5);

/// The maximum number of recently authorized trials in the cache.
const REMEMBERED: usize = 10_000;

/// Trials by profiles and decisions.
pub(super) struct V2Trials {
    upstream: Upstream,
    profiles: Profiles,
    decisions: Decisions,
    /// The time of the last authorization by this process, by digest.
    authorized: Cache<u128, MonotonicInstant>,
}

impl V2Trials {
    pub(super) fn new(upstream: Upstream) -> Self {
        let (profiles, decisions) = (Profiles::new(upstream.clone()), Decisions::new(upstream.clone()));
        Self { upstream, profiles, decisions, authorized: Cache::new(REMEMBERED) }
    }

    /// Reports whether a trial with a profile has started. The provider may return a profile for a trial that can still
    /// start. Without evidence, the trial counts as started.
    fn has_started(&self, subject: &TrialSubject, profile: &Profile, trial: &TrialView) -> bool {
        let max = subject.rule.as_ref().and_then(|rule| rule.max_resources);
        if !trial.used_resources.is_empty() {
            return true;
        }
        // Each decision uses a resource.
        match (trial.remaining_resources, max) {
            (Some(remaining), Some(max)) => return remaining < max,
            (Some(_), None) if profile.attribute("used_assets").is_some() => return false,
            _ => {}
        }
        let clock = &self.upstream.inner.parts.clock;
        let ttl = subject.rule.as_ref().map(|rule| rule.ttl);
        let by_end = || Some(trial.expire_time?.before(ttl?));
        let Some(start) = trial.start_time.or_else(by_end) else { return true };
        let authorized = self.authorized.get(&digest(subject));
        let was_authorized = authorized.is_some_and(|at| clock.instant().since(at) < JUST_NOW);
        was_authorized || clock.now().since(start) >= JUST_NOW
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
    ) -> Result<TrialVerdict> {
        let (mvpd, call_subject) = (&subject.temp_pass.mvpd, provider_subject(&subject)?);
        let decision = self.decisions.authorize(context, &call_subject, mvpd, resource.as_str()).await?;
        let verdict = verdict(decision, &subject, resource)?;
        if verdict.denial.is_none() {
            self.authorized.insert(digest(&subject), self.upstream.inner.parts.clock.instant());
        }
        Ok(verdict)
    }

    async fn get(&self, context: &CallContext, subject: &TrialSubject) -> Result<TrialView> {
        let mvpd = &subject.temp_pass.mvpd;
        match self.profiles.of_mvpd(context, &provider_subject(subject)?, mvpd).await {
            Ok(None) => Ok(not_started(subject)),
            Ok(Some(Profile { kind, .. })) if kind != ProfileKind::Temporary => {
                Err(not_a_temp_pass(subject, Some(kind.as_str())))
            }
            Ok(Some(profile)) => {
                let trial = view(&profile, self.upstream.inner.parts.clock.now());
                let may_be_unused = trial.state == TrialState::Active;
                if may_be_unused && !self.has_started(subject, &profile, &trial) {
                    let remaining_resources = trial.remaining_resources;
                    return Ok(TrialView { remaining_resources, ..not_started(subject) });
                }
                Ok(trial)
            }
            // A used-up trial has no profile.
            Err(error) => match denial(&error).and_then(|(reason, _)| trial_denial(reason)) {
                Some(denial) => Ok(denied(denial).trial),
                None => Err(error),
            },
        }
    }
}

/// Returns the subject of a trial in version 2's terms.
fn provider_subject(subject: &TrialSubject) -> Result<ProviderSubject<'_>> {
    let facts = &subject.facts;
    let mut violations = Violations::default();
    if facts.device_info.is_none() {
        violations
            .add("device", "is required by version 2 of the upstream: set device_info or x_device_info");
    }
    if facts.ip.is_none() {
        violations
            .add("device_ip", "is required: the upstream limits the calls of each device by its address");
    }
    let Some(device_info) = facts.device_info.as_ref().filter(|_| violations.is_empty()) else {
        return Err(violations.into_error());
    };
    let device = ProviderDevice {
        id: &subject.identity.device_id,
        info: device_info.encode().into(),
        user_agent: &facts.user_agent,
        address: facts.ip,
        hints: None,
    };
    // The example in the provider's pages has the address in clear. By default we send its digest.
    let identifier = facts.user_identifier.as_ref().map(|identifier| identifier.reveal());
    let user = identifier.or_else(|| subject.identity.generic_key.as_ref().map(|key| key.as_str()));
    // The field name of that example, whatever identifies the user.
    let identity = user.map(|user| json!({ "email": user }).to_string().into());
    Ok(ProviderSubject { requestor: &subject.temp_pass.requestor, device, identity })
}

fn verdict(decision: ResourceDecision, subject: &TrialSubject, resource: ResourceId) -> Result<TrialVerdict> {
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
    Ok(TrialVerdict { denial: None, trial, media_token })
}

fn trial_denial(reason: RefusalReason) -> Option<Denial> {
    match reason {
        RefusalReason::TrialExpired => Some(Denial::Expired),
        RefusalReason::TrialExhausted => Some(Denial::Exhausted),
        _ => None,
    }
}

fn denied(denial: Denial) -> TrialVerdict {
    let (state, remaining_resources) = match denial {
        Denial::Expired => (TrialState::Expired, None),
        Denial::Exhausted => (TrialState::Exhausted, Some(0)),
    };
    let trial = TrialView { state, remaining_resources, ..unknown() };
    TrialVerdict { denial: Some(denial), trial, media_token: None }
}

/// A trial of which only the state is known, as after a decision.
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

fn digest(subject: &TrialSubject) -> u128 {
    let TrialSubject { temp_pass, identity, .. } = subject;
    let user = identity.generic_key.as_ref().map_or("", |key| key.as_str());
    let parts = [temp_pass.requestor.as_str(), temp_pass.mvpd.as_str(), user, identity.device_id.as_str()];
    xxh3_128(parts.join("\0").as_bytes())
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

/// Reads a list or a comma-separated string. The provider's pages show both.
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
