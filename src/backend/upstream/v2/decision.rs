//! Decisions: what a subject may watch.

use http::Method;
use serde_json::{Value, json};

use super::{Subject, object, send};
use crate::{
    backend::upstream::{
        Upstream,
        call::Answer,
        failure::{said_in, unreadable},
        json::{moment, text},
    },
    domain::{
        call::CallContext,
        error::{Result, UpstreamAnswer},
        temp_pass::{MediaToken, ResourceId},
    },
};

/// Asks for decisions.
pub(super) struct Decisions(Upstream);

/// What was decided about one resource.
pub(super) struct Decision {
    pub is_authorized: bool,
    /// Who has decided, such as `mvpd`, `degradation` and `temppass`.
    pub source: Option<String>,
    /// What was said against it; without a code where that is nothing.
    pub said: UpstreamAnswer,
    /// What players show, where it is authorized.
    pub media_token: Option<MediaToken>,
}

impl Decisions {
    pub(super) fn new(upstream: Upstream) -> Self {
        Self(upstream)
    }

    /// Whether the subject may watch this resource now.
    pub(super) async fn authorize(
        &self,
        context: &CallContext,
        subject: &Subject<'_>,
        resource: &ResourceId,
    ) -> Result<Decision> {
        let call = subject.call(Method::POST, &format!("decisions/authorize/{}", subject.mvpd));
        let call = call.json(&json!({ "resources": [resource.as_str()] }));
        let answer = send(&self.0, context, call).await?;
        let body = object(&answer)?;
        let decisions = body.get("decisions").and_then(Value::as_array);
        let decision = decisions.and_then(|decisions| {
            decisions.iter().find(|decision| text(decision, "resource").as_deref() == Some(resource.as_str()))
        });
        let decision = decision.map(|decision| Decision::read(&answer, decision));
        decision.ok_or_else(|| unreadable(&answer, "its answer decides about another resource"))
    }
}

impl Decision {
    fn read(answer: &Answer, decision: &Value) -> Self {
        let error = decision.get("error").unwrap_or(&Value::Null);
        let token = decision.get("token").and_then(|token| {
            Some(MediaToken {
                value: text(token, "serializedToken")?,
                start_time: moment(token, "notBefore"),
                expire_time: moment(token, "notAfter"),
            })
        });
        Self {
            is_authorized: decision.get("authorized").and_then(Value::as_bool) == Some(true),
            source: text(decision, "source"),
            said: said_in(answer.status.as_u16(), error),
            media_token: token,
        }
    }
}
