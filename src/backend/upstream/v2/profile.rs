//! Profiles: the logins on a device and their operators.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Map, Value};

use super::{CodeQuery, ProviderSubject, object, send};
use crate::{
    backend::upstream::{
        Upstream,
        call::ProviderResponse,
        failure::unreadable,
        json::{moment, plain, shown, text},
    },
    domain::{
        call::CallContext,
        device_info::NESTING_MAX,
        entitlement::{Attribute, Profile, ProfileKind},
        error::Result,
        id::MvpdId,
    },
};

/// The maximum number of a viewer's attributes, and the maximum length of a name, in bytes. About twenty are documented.
const ATTRIBUTES_MAX: usize = 256;
const NAME_MAX: usize = 256;

/// The attribute with the viewer's id.
const USER_ID: &str = "userID";

/// The maximum length of a viewer's id that is passed on, in bytes, and of a type or an issuer.
const USER_ID_MAX: usize = 2_048;
const WORD_MAX: usize = 128;

/// Reads profiles.
pub(super) struct Profiles(Upstream);

impl Profiles {
    pub(super) fn new(upstream: Upstream) -> Self {
        Self(upstream)
    }

    /// Returns the subject's profiles.
    pub(super) async fn all(
        &self,
        context: &CallContext,
        subject: &ProviderSubject<'_>,
    ) -> Result<Vec<Profile>> {
        let answer = send(&self.0, context, subject.call(Method::GET, "profiles")).await?;
        Ok(read_all(profiles(&answer, &object(&answer)?)?))
    }

    /// Returns the subject's profile with an operator, if there is one.
    pub(super) async fn of_mvpd(
        &self,
        context: &CallContext,
        subject: &ProviderSubject<'_>,
        mvpd: &MvpdId,
    ) -> Result<Option<Profile>> {
        let answer = send(&self.0, context, subject.call(Method::GET, &format!("profiles/{mvpd}"))).await?;
        let body = object(&answer)?;
        Ok(profiles(&answer, &body)?.get(mvpd.as_str()).map(|profile| read(mvpd.clone(), profile)))
    }

    /// Reports whether a viewer has logged in with a code. `None` if the provider does not know the code.
    pub(super) async fn has_login(
        &self,
        context: &CallContext,
        code: &CodeQuery<'_>,
    ) -> Result<Option<bool>> {
        let Some(answer) = self.ask_by_code(context, code).await? else { return Ok(None) };
        let body = object(&answer)?;
        let profiles = body.get("profiles").and_then(Value::as_object);
        Ok(Some(profiles.is_some_and(|profiles| !profiles.is_empty())))
    }

    /// Returns the profiles of logins with a code. `None` if the provider does not know the code.
    pub(super) async fn of_code(
        &self,
        context: &CallContext,
        code: &CodeQuery<'_>,
    ) -> Result<Option<Vec<Profile>>> {
        let Some(answer) = self.ask_by_code(context, code).await? else { return Ok(None) };
        Ok(Some(read_all(profiles(&answer, &object(&answer)?)?)))
    }

    async fn ask_by_code(
        &self,
        context: &CallContext,
        code: &CodeQuery<'_>,
    ) -> Result<Option<ProviderResponse>> {
        self.0.inner.session.ask(context, code.call(Method::GET, "profiles/code")).await
    }
}

fn profiles<'a>(answer: &ProviderResponse, body: &'a Value) -> Result<&'a Map<String, Value>> {
    let profiles = body.get("profiles").and_then(Value::as_object);
    profiles.ok_or_else(|| unreadable(answer, "its response has no profiles"))
}

/// Reads all profiles. Those with an invalid operator id are skipped, since no call could name the operator.
fn read_all(profiles: &Map<String, Value>) -> Vec<Profile> {
    let named = profiles.iter();
    named.filter_map(|(mvpd, profile)| Some(read(MvpdId::parse("mvpd", mvpd).ok()?, profile))).collect()
}

fn read(mvpd: MvpdId, profile: &Value) -> Profile {
    let attributes = attributes(profile.get("attributes").and_then(Value::as_object));
    Profile {
        mvpd,
        kind: kind(&text(profile, "type").unwrap_or_default()),
        issuer: text(profile, "issuer").map(|issuer| shown(&issuer, WORD_MAX)),
        user_id: attributes.get(USER_ID).and_then(|attribute| user_id(&attribute.value)),
        issue_time: moment(profile, "notBefore"),
        expire_time: moment(profile, "notAfter"),
        attributes,
    }
}

fn kind(text: &str) -> ProfileKind {
    match text.to_ascii_lowercase().as_str() {
        "regular" => ProfileKind::Regular,
        "degraded" => ProfileKind::Degraded,
        "temporary" => ProfileKind::Temporary,
        "applesso" => ProfileKind::AppleSso,
        "platformsso" => ProfileKind::PlatformSso,
        "servicetokensso" => ProfileKind::ServiceTokenSso,
        _ => ProfileKind::Other(plain(text, WORD_MAX)),
    }
}

fn user_id(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(text).filter(|text| (1..=USER_ID_MAX).contains(&text.len()))
}

/// Reads the attributes with a value of limited nesting. An attribute that the provider could not obtain has an error instead.
fn attributes(attributes: Option<&Map<String, Value>>) -> BTreeMap<String, Attribute> {
    let named = attributes.into_iter().flatten().filter(|(name, _)| name.len() <= NAME_MAX);
    let whole = named.filter_map(|(name, attribute)| {
        let value = attribute.get("value").filter(|value| is_shallow(value, NESTING_MAX))?.clone();
        if text(attribute, "error").is_some() {
            return None;
        }
        let is_encrypted = text(attribute, "state").is_some_and(|state| state.eq_ignore_ascii_case("enc"));
        Some((name.clone(), Attribute { value, is_encrypted }))
    });
    whole.take(ATTRIBUTES_MAX).collect()
}

/// Reports whether a value has at most this many levels of nesting.
fn is_shallow(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| is_shallow(item, levels - 1)),
        Value::Object(fields) => levels > 0 && fields.values().all(|item| is_shallow(item, levels - 1)),
        _ => true,
    }
}
