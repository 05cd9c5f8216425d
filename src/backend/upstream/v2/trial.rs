//! Trials of TempPasses: a TempPass is an operator here that decides for itself.

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::Method;
use serde_json::{Value, json};

use super::{AP_TEMPPASS_IDENTITY, Device, V2Backend, call, object, with_device};
use crate::{
    backend::upstream::{
        call::{Answer, Call},
        failure::{refusal_by_code, said, said_in, unreadable},
        json::{moment, number, plain, text},
    },
    domain::{
        backend::{TrialBackend, TrialSubject},
        call::CallContext,
        clock::Timestamp,
        error::{Error, Result, Violations},
        port::Verdict,
        temp_pass::{
            Denial, MediaToken, ResetBy, ResetTarget, ResourceId, TempPassKey, TrialApplication, TrialState,
            TrialView,
        },
    },
};

/// What the decisions and profiles of TempPasses say that they come from.
const DECISION_SOURCE: &str = "temppass";
const PROFILE_TYPE: &str = "temporary";

/// The provider's own codes of denials.
const DURATION_EXCEEDED: &str = "temporary_access_duration_limit_exceeded";
const RESOURCES_EXCEEDED: &str = "temporary_access_resources_limit_exceeded";

#[async_trait]
impl TrialBackend for V2Backend {
    async fn authorize(
        &self,
        context: &CallContext,
        subject: TrialSubject,
        resource: ResourceId,
        _: TrialApplication,
    ) -> Result<Verdict> {
        let path = format!("decisions/authorize/{}", subject.temp_pass.mvpd);
        let call = call(Method::POST, &subject.temp_pass.requestor, &path)
            .json(&json!({ "resources": [resource.as_str()] }));
        let session = &self.0.inner.session;
        let call = with_subject(call, &subject)?;
        let answer = session.send(context, call).await?;
        if !answer.status.is_success() {
            let code = said(&answer).code;
            return match denial(code.as_deref()) {
                Some(denial) => Ok(denied(denial)),
                None => Err(session.refusal(&answer, subject.facts.ip).await),
            };
        }
        let body = object(&answer)?;
        let decisions = body.get("decisions").and_then(Value::as_array);
        let decision = decisions.and_then(|decisions| {
            decisions.iter().find(|decision| text(decision, "resource").as_deref() == Some(resource.as_str()))
        });
        let decision =
            decision.ok_or_else(|| unreadable(&answer, "its answer decides about another resource"))?;
        verdict(&answer, decision, &subject, &resource)
    }

    async fn get(&self, context: &CallContext, subject: &TrialSubject) -> Result<TrialView> {
        let path = format!("profiles/{}", subject.temp_pass.mvpd);
        let call = with_subject(call(Method::GET, &subject.temp_pass.requestor, &path), subject)?;
        let answer = self.send(context, call).await?;
        let body = object(&answer)?;
        let profiles = body.get("profiles").and_then(Value::as_object);
        let profiles = profiles.ok_or_else(|| unreadable(&answer, "its answer holds no profiles"))?;
        let Some(profile) = profiles.get(subject.temp_pass.mvpd.as_str()) else {
            return Ok(not_started(subject));
        };
        match text(profile, "type") {
            Some(kind) if kind.eq_ignore_ascii_case(PROFILE_TYPE) => {
                Ok(view(profile, self.0.inner.parts.clock.now()))
            }
            kind => Err(not_a_temp_pass(subject, kind)),
        }
    }

    async fn reset(
        &self,
        context: &CallContext,
        temp_pass: &TempPassKey,
        target: &ResetTarget,
        by: ResetBy,
        application: &TrialApplication,
    ) -> Result<Option<u64>> {
        self.0.inner.reset(context, temp_pass, target, by, application).await
    }
}

fn with_subject(call: Call, subject: &TrialSubject) -> Result<Call> {
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
        info: device_info.encode(),
        user_agent: &facts.user_agent,
        address: facts.ip,
    };
    let call = with_device(call, &device);
    // The pages' example carries a clear address under this name; by default we send its digest.
    let identifier = match (&facts.user_identifier, &subject.identity.generic_key) {
        (Some(identifier), _) => identifier.reveal(),
        (None, Some(key)) => key.as_str(),
        (None, None) => return Ok(call),
    };
    let identity = json!({ "email": identifier }).to_string();
    Ok(call.header(AP_TEMPPASS_IDENTITY, &BASE64_STANDARD.encode(identity)))
}

fn verdict(
    answer: &Answer,
    decision: &Value,
    subject: &TrialSubject,
    resource: &ResourceId,
) -> Result<Verdict> {
    let error = decision.get("error").filter(|error| error.is_object());
    let code = error.and_then(|error| text(error, "code"));
    if let Some(denial) = denial(code.as_deref()) {
        return Ok(denied(denial));
    }
    let source = text(decision, "source");
    let is_temp_pass = source.as_deref().is_some_and(|source| source.eq_ignore_ascii_case(DECISION_SOURCE));
    if decision.get("authorized").and_then(Value::as_bool) != Some(true) {
        let said = said_in(answer.status.as_u16(), error.unwrap_or(&Value::Null));
        return Err(match refusal_by_code(said.clone()) {
            Some(error) if is_temp_pass || source.is_none() => error,
            _ if is_temp_pass => Error::UpstreamForbidden { answer: said, was_fast: false },
            _ => not_a_temp_pass(subject, source),
        });
    }
    if !is_temp_pass {
        return Err(not_a_temp_pass(subject, source));
    }
    let token = decision.get("token").filter(|token| token.is_object());
    let media_token = token.and_then(|token| {
        Some(MediaToken {
            value: text(token, "serializedToken")?,
            start_time: moment(token, "notBefore"),
            expire_time: moment(token, "notAfter"),
        })
    });
    let trial = TrialView { state: TrialState::Active, used_resources: vec![resource.clone()], ..unknown() };
    Ok(Verdict { denial: None, trial, media_token })
}

fn denial(code: Option<&str>) -> Option<Denial> {
    match code? {
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

fn view(profile: &Value, now: Timestamp) -> TrialView {
    let attribute = |name: &str| profile.get("attributes")?.get(name);
    let remaining_resources = attribute("remaining_resources")
        .and_then(|attribute| number(attribute, "value"))
        .and_then(|count| u32::try_from(count).ok());
    let expire_time = moment(profile, "notAfter");
    let state = match (expire_time, remaining_resources) {
        (Some(end), _) if end <= now => TrialState::Expired,
        (_, Some(0)) => TrialState::Exhausted,
        _ => TrialState::Active,
    };
    TrialView {
        state,
        start_time: moment(profile, "notBefore"),
        expire_time,
        remaining_resources,
        used_resources: attribute("used_assets")
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
