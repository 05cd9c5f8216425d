//! Decisions: which resources a subject may watch.

use http::Method;
use serde_json::{Value, json};

use super::{ProviderSubject, object, send};
use crate::{
    backend::upstream::{
        Upstream,
        call::{ProviderCall, ProviderResponse},
        failure::{denial, error_details_in, refusal_reason, unreadable},
        json::{moment, plain, shown, text},
    },
    domain::{
        call::CallContext,
        entitlement::{Refusal, ResourceDecision},
        error::{Error, Result},
        id::MvpdId,
        temp_pass::MediaToken,
    },
};

/// The maximum length of a message for the viewer, and of a decision's source, in bytes.
const MESSAGE_MAX: usize = 1_000;
const SOURCE_MAX: usize = 64;

/// Requests decisions.
pub(super) struct Decisions(Upstream);

impl Decisions {
    pub(super) fn new(upstream: Upstream) -> Self {
        Self(upstream)
    }

    /// Decides whether the subject may watch this resource now.
    pub(super) async fn authorize(
        &self,
        context: &CallContext,
        subject: &ProviderSubject<'_>,
        mvpd: &MvpdId,
        resource: &str,
    ) -> Result<ResourceDecision> {
        let call = subject.call(Method::POST, &format!("decisions/authorize/{mvpd}"));
        let mut decisions = self.ask(context, call, &[resource]).await?;
        decisions.pop().ok_or_else(|| Error::Internal("no decision for the resource".to_owned()))
    }

    /// Decides which of these resources the subject may watch, in their order.
    pub(super) async fn preauthorize(
        &self,
        context: &CallContext,
        subject: &ProviderSubject<'_>,
        mvpd: &MvpdId,
        resources: &[&str],
    ) -> Result<Vec<ResourceDecision>> {
        let call = subject.call(Method::POST, &format!("decisions/preauthorize/{mvpd}"));
        self.ask(context, call, resources).await
    }

    async fn ask(
        &self,
        context: &CallContext,
        call: ProviderCall,
        resources: &[&str],
    ) -> Result<Vec<ResourceDecision>> {
        match send(&self.0, context, call.json(&json!({ "resources": resources }))).await {
            Ok(answer) => read(&answer, resources),
            // A denial of all resources may be an error response.
            Err(error) => {
                let Some((reason, answer)) = denial(&error) else { return Err(error) };
                let refusal = Refusal { reason, answer: answer.clone(), message: String::new() };
                let refused = |resource: &&str| ResourceDecision::refused(resource, refusal.clone());
                Ok(resources.iter().map(refused).collect())
            }
        }
    }
}

fn read(answer: &ProviderResponse, resources: &[&str]) -> Result<Vec<ResourceDecision>> {
    let body = object(answer)?;
    let decisions = body.get("decisions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let decision = |resource: &&str| {
        let found = find(decisions, resource);
        let found = found
            .ok_or_else(|| unreadable(answer, "its response has no decision for the requested resource"))?;
        Ok(decision(answer, resource, found))
    };
    resources.iter().map(decision).collect()
}

/// Finds the decision for a resource, whose name may be returned with a trailing space.
fn find<'a>(decisions: &'a [Value], resource: &str) -> Option<&'a Value> {
    let named = |decision: &'a Value| decision.get("resource").and_then(Value::as_str);
    let same = decisions.iter().find(|decision| named(decision) == Some(resource));
    same.or_else(|| {
        let is_meant = |name: &str| name.trim_end() == resource.trim_end();
        decisions.iter().find(|decision| named(decision).is_some_and(is_meant))
    })
}

fn decision(answer: &ProviderResponse, resource: &str, decision: &Value) -> ResourceDecision {
    let is_authorized = decision.get("authorized").and_then(Value::as_bool) == Some(true);
    let media_token = decision.get("token").filter(|_| is_authorized).and_then(media_token);
    let token_end = media_token.as_ref().and_then(|token| token.expire_time);
    ResourceDecision {
        resource: resource.to_owned(),
        source: text(decision, "source").map(|source| plain(&source, SOURCE_MAX)),
        refusal: (!is_authorized).then(|| refusal(answer, decision.get("error").unwrap_or(&Value::Null))),
        expire_time: moment(decision, "notAfter").or(token_end),
        media_token,
    }
}

fn media_token(token: &Value) -> Option<MediaToken> {
    Some(MediaToken {
        value: text(token, "serializedToken")?,
        start_time: moment(token, "notBefore"),
        expire_time: moment(token, "notAfter"),
    })
}

fn refusal(answer: &ProviderResponse, error: &Value) -> Refusal {
    let details = error_details_in(answer.status.as_u16(), error);
    let message = text(error, "details").or_else(|| text(error, "message")).unwrap_or_default();
    Refusal { reason: refusal_reason(&details), answer: details, message: shown(&message, MESSAGE_MAX) }
}
