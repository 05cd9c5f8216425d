//! Profiles: who has logged in on a device, and with which operator.

use http::Method;
use serde_json::{Map, Value};

use super::{Subject, call, object, send};
use crate::{
    backend::upstream::{
        Upstream,
        failure::unreadable,
        json::{moment, text},
    },
    domain::{address::Address, call::CallContext, clock::Timestamp, error::Result, registration::CodeKey},
};

/// Looks at profiles.
pub(super) struct Profiles(Upstream);

/// A login with an operator.
pub(super) struct Profile {
    /// Such as `regular`, `degraded` and `temporary`.
    pub kind: Option<String>,
    pub start_time: Option<Timestamp>,
    pub expire_time: Option<Timestamp>,
    attributes: Map<String, Value>,
}

impl Profiles {
    pub(super) fn new(upstream: Upstream) -> Self {
        Self(upstream)
    }

    /// The profile with the subject's operator, if there is one.
    pub(super) async fn of_mvpd(
        &self,
        context: &CallContext,
        subject: &Subject<'_>,
    ) -> Result<Option<Profile>> {
        let call = subject.call(Method::GET, &format!("profiles/{}", subject.mvpd));
        let answer = send(&self.0, context, call).await?;
        let body = object(&answer)?;
        let profiles = body.get("profiles").and_then(Value::as_object);
        let profiles = profiles.ok_or_else(|| unreadable(&answer, "its answer holds no profiles"))?;
        Ok(profiles.get(subject.mvpd.as_str()).map(Profile::read))
    }

    /// The profiles that a login with a code has left, or nothing where the provider does not know the code.
    pub(super) async fn of_code(
        &self,
        context: &CallContext,
        key: &CodeKey,
        address: Option<Address>,
    ) -> Result<Option<Vec<Profile>>> {
        let path = format!("profiles/code/{}", key.code.as_str());
        let call = call(Method::GET, &key.requestor, &path).on_behalf_of(address);
        let Some(answer) = self.0.inner.session.ask(context, call).await? else { return Ok(None) };
        let body = object(&answer)?;
        let profiles = body.get("profiles").and_then(Value::as_object);
        Ok(Some(profiles.into_iter().flat_map(Map::values).map(Profile::read).collect()))
    }
}

impl Profile {
    fn read(profile: &Value) -> Self {
        let attributes = profile.get("attributes").and_then(Value::as_object);
        Self {
            kind: text(profile, "type"),
            start_time: moment(profile, "notBefore"),
            expire_time: moment(profile, "notAfter"),
            attributes: attributes.cloned().unwrap_or_default(),
        }
    }

    /// What the operator tells of the viewer under this name: an object with the `value`.
    pub(super) fn attribute(&self, name: &str) -> Option<&Value> {
        self.attributes.get(name)
    }
}
