//! Version 2 of the provider's REST API (reference, section 7).
//!
//! | module | contents |
//! |---|---|
//! | `configuration`, `session`, `profile`, `decision`, `logout` | a client for each kind of call, and its responses |
//! | `code`, `entitlement`, `trial` | the ports of use cases, implemented with these calls |

mod code;
mod configuration;
mod decision;
mod entitlement;
mod logout;
mod profile;
mod session;
mod trial;

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{
    HeaderName, Method,
    header::{ACCEPT, USER_AGENT},
};
use serde_json::Value;

use code::V2Codes;
use entitlement::V2Entitlements;
use trial::V2Trials;

use super::{
    Upstream,
    call::{ActingClient, ProviderCall, ProviderOrigin, ProviderResponse, TokenScope, X_DEVICE_INFO},
    failure::unreadable,
    json::text,
};
use crate::domain::{
    address::Address,
    backend::{Backend, CodeBackend, EntitlementBackend, ResetBackend, TrialBackend},
    call::CallContext,
    entitlement::{DeviceHints, EntitlementSubject},
    error::Result,
    id::{DeviceId, MvpdId, RequestorId},
    registration_code::{CodeKey, RegistrationCode},
};

const AP_DEVICE_IDENTIFIER: HeaderName = HeaderName::from_static("ap-device-identifier");
const AP_VISITOR_IDENTIFIER: HeaderName = HeaderName::from_static("ap-visitor-identifier");
const ADOBE_SUBJECT_TOKEN: HeaderName = HeaderName::from_static("adobe-subject-token");
const ROKU_CONNECT_TOKEN: HeaderName = HeaderName::from_static("x-roku-reserved-roku-connect-token");
const AP_TEMPPASS_IDENTITY: HeaderName = HeaderName::from_static("ap-temppass-identity");

/// The backend that uses version 2.
pub(super) struct V2Backend {
    upstream: Upstream,
    codes: V2Codes,
    trials: V2Trials,
    entitlements: V2Entitlements,
}

impl V2Backend {
    pub(super) fn new(upstream: Upstream) -> Self {
        Self {
            codes: V2Codes::new(upstream.clone()),
            trials: V2Trials::new(upstream.clone()),
            entitlements: V2Entitlements::new(upstream.clone()),
            upstream,
        }
    }
}

impl Backend for V2Backend {
    fn codes(&self) -> &dyn CodeBackend {
        &self.codes
    }

    fn resets(&self) -> &dyn ResetBackend {
        &self.upstream
    }

    fn trials(&self) -> Result<&dyn TrialBackend> {
        Ok(&self.trials)
    }

    fn entitlements(&self) -> Result<&dyn EntitlementBackend> {
        Ok(&self.entitlements)
    }
}

/// The device that a call concerns.
struct ProviderDevice<'a> {
    id: &'a DeviceId,
    /// The wire form of its information.
    info: Cow<'a, str>,
    user_agent: &'a str,
    address: Option<Address>,
    /// Headers that the device's client sends for the provider only.
    hints: Option<&'a DeviceHints>,
}

/// The subject whose profiles or decisions a call concerns.
struct ProviderSubject<'a> {
    requestor: &'a RequestorId,
    device: ProviderDevice<'a>,
    /// The viewer's identity for a promotional TempPass, in addition to the device: a JSON object.
    identity: Option<Cow<'a, str>>,
}

impl<'a> ProviderSubject<'a> {
    fn of(subject: &'a EntitlementSubject) -> Self {
        let device = ProviderDevice {
            id: &subject.device_id,
            info: Cow::Borrowed(&subject.device_info),
            user_agent: &subject.user_agent,
            address: subject.address,
            hints: Some(&subject.hints),
        };
        let identity = subject.temp_pass_identity.as_ref().map(|identity| Cow::Borrowed(identity.reveal()));
        Self { requestor: &subject.place.requestor, device, identity }
    }

    /// Creates a call about this subject to a path of the requestor.
    fn call(&self, method: Method, path: &str) -> ProviderCall {
        let call = with_device(call(method, self.requestor, path), &self.device);
        let Some(identity) = &self.identity else { return call };
        call.header(AP_TEMPPASS_IDENTITY, &BASE64_STANDARD.encode(identity.as_bytes()))
    }
}

/// The code that a call concerns.
struct CodeQuery<'a> {
    key: &'a CodeKey,
    /// The address on whose behalf the call is made.
    address: Option<Address>,
    /// The device for which the code was created, if known here.
    device: Option<DeviceId>,
}

impl<'a> CodeQuery<'a> {
    /// Creates the query for a code, with its record if there is one here.
    fn new(key: &'a CodeKey, record: Option<&RegistrationCode>, address: Option<Address>) -> Self {
        Self { key, address, device: record.map(RegistrationCode::scoped_device_id) }
    }

    /// Creates a call to the requestor's resource of this kind for the code.
    fn call(&self, method: Method, kind: &str) -> ProviderCall {
        let call = call(method, &self.key.requestor, &format!("{kind}/{}", self.key.code.as_str()));
        let acting = self.device.clone().map_or(ActingClient::Server, ActingClient::Known);
        ProviderCall { acting, ..call }.on_behalf_of(self.address)
    }
}

/// Creates a call to a path of a requestor.
fn call(method: Method, requestor: &RequestorId, path: &str) -> ProviderCall {
    let call =
        ProviderCall::new(method, format!("/api/v2/{requestor}/{path}")).header(ACCEPT, "application/json");
    ProviderCall { scope: TokenScope::of(ProviderOrigin::Api, requestor), ..call }
}

fn with_device(call: ProviderCall, device: &ProviderDevice<'_>) -> ProviderCall {
    let identifier = format!("fingerprint {}", BASE64_STANDARD.encode(device.id.as_str()));
    let mut call = call
        .header(AP_DEVICE_IDENTIFIER, &identifier)
        .header(X_DEVICE_INFO, &device.info)
        .header(USER_AGENT, device.user_agent)
        .on_behalf_of(device.address);
    call.acting = ActingClient::Known(device.id.clone());
    let Some(DeviceHints { visitor_id, subject_token, roku_connect_token }) = device.hints else {
        return call;
    };
    for (name, hint) in [
        (AP_VISITOR_IDENTIFIER, visitor_id),
        (ADOBE_SUBJECT_TOKEN, subject_token),
        (ROKU_CONNECT_TOKEN, roku_connect_token),
    ] {
        call = call.header(name, hint.as_ref().map_or("", |hint| hint.reveal()));
    }
    call
}

/// Makes a call, and maps an error response to an error.
async fn send(upstream: &Upstream, context: &CallContext, call: ProviderCall) -> Result<ProviderResponse> {
    let (session, device) = (&upstream.inner.session, call.device);
    let answer = session.send(context, call).await?;
    if answer.status.is_success() { Ok(answer) } else { Err(session.refusal(&answer, device).await) }
}

/// Returns the JSON object in a response.
fn object(answer: &ProviderResponse) -> Result<Value> {
    let body = serde_json::from_slice::<Value>(&answer.body).ok().filter(Value::is_object);
    body.ok_or_else(|| unreadable(answer, "its response is not the expected JSON"))
}

fn mvpd_of(object: &Value) -> Option<MvpdId> {
    MvpdId::parse("mvpd", &text(object, "mvpd")?).ok()
}
