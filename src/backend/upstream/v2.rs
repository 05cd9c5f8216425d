//! Version 2 of the provider's REST API (reference, section 7).

mod session;
mod trial;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{
    HeaderName, Method,
    header::{ACCEPT, USER_AGENT},
};
use serde_json::Value;

use super::{
    Upstream,
    call::{Answer, Call, Origin, Scope, X_DEVICE_INFO},
    failure::unreadable,
};
use crate::domain::{
    address::Address,
    call::CallContext,
    error::Result,
    id::{DeviceId, RequestorId},
};

const AP_DEVICE_IDENTIFIER: HeaderName = HeaderName::from_static("ap-device-identifier");
const AP_TEMPPASS_IDENTITY: HeaderName = HeaderName::from_static("ap-temppass-identity");

/// The backend over version 2.
pub(super) struct V2Backend(Upstream);

/// The device that a call is about.
struct Device<'a> {
    id: &'a DeviceId,
    /// The wire form of its information.
    info: String,
    user_agent: &'a str,
    address: Option<Address>,
}

impl V2Backend {
    pub(super) fn new(upstream: Upstream) -> Self {
        Self(upstream)
    }

    /// Makes a call; only who is refused hears of it here.
    async fn send(&self, context: &CallContext, call: Call) -> Result<Answer> {
        let (session, device) = (&self.0.inner.session, call.device);
        let answer = session.send(context, call).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(session.refusal(&answer, device).await) }
    }
}

/// A call to what belongs to a requestor.
fn call(method: Method, requestor: &RequestorId, path: &str) -> Call {
    let call = Call::new(method, format!("/api/v2/{requestor}/{path}")).header(ACCEPT, "application/json");
    Call { scope: Scope::of(Origin::Api, requestor), ..call }
}

fn with_device(call: Call, device: &Device<'_>) -> Call {
    let identifier = format!("fingerprint {}", BASE64_STANDARD.encode(device.id.as_str()));
    call.header(AP_DEVICE_IDENTIFIER, &identifier)
        .header(X_DEVICE_INFO, &device.info)
        .header(USER_AGENT, device.user_agent)
        .on_behalf_of(device.address)
}

/// The object that an answer holds.
fn object(answer: &Answer) -> Result<Value> {
    let body = serde_json::from_slice::<Value>(&answer.body).ok().filter(Value::is_object);
    body.ok_or_else(|| unreadable(answer, "its answer is not the JSON that was asked for"))
}
