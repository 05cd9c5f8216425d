//! Version 2 of the provider's REST API (reference, section 7).
//!
//! | module | what it is for |
//! |---|---|
//! | `session`, `profile`, `decision` | the three kinds of calls, each with a client and what it answers |
//! | `code`, `trial` | what use cases ask for, made of these calls |

mod code;
mod decision;
mod profile;
mod session;
mod trial;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{
    HeaderName, Method,
    header::{ACCEPT, USER_AGENT},
};
use serde_json::{Value, json};

use code::V2Codes;
use trial::V2Trials;

use super::{
    Upstream,
    call::{Answer, Call, Origin, Scope, X_DEVICE_INFO},
    failure::unreadable,
    json::text,
};
use crate::domain::{
    address::Address,
    backend::{Backend, CodeBackend, ResetBackend, TrialBackend},
    call::CallContext,
    error::Result,
    id::{DeviceId, MvpdId, RequestorId},
};

const AP_DEVICE_IDENTIFIER: HeaderName = HeaderName::from_static("ap-device-identifier");
const AP_TEMPPASS_IDENTITY: HeaderName = HeaderName::from_static("ap-temppass-identity");

/// The backend over version 2.
pub(super) struct V2Backend {
    upstream: Upstream,
    codes: V2Codes,
    trials: V2Trials,
}

impl V2Backend {
    pub(super) fn new(upstream: Upstream) -> Self {
        let (codes, trials) = (V2Codes::new(upstream.clone()), V2Trials::new(upstream.clone()));
        Self { upstream, codes, trials }
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
}

/// The device that a call is about.
struct Device<'a> {
    id: &'a DeviceId,
    /// The wire form of its information.
    info: String,
    user_agent: &'a str,
    address: Option<Address>,
}

/// Whose profile with an operator, or whose decisions, a call is about.
struct Subject<'a> {
    requestor: &'a RequestorId,
    mvpd: &'a MvpdId,
    device: Device<'a>,
    /// By whom a promotional TempPass knows the trial beside the device.
    user: Option<&'a str>,
}

impl Subject<'_> {
    /// A call to what belongs to the requestor, about this subject.
    fn call(&self, method: Method, path: &str) -> Call {
        let call = with_device(call(method, self.requestor, path), &self.device);
        let Some(user) = self.user else { return call };
        // The name in the pages' example, whatever it is that a user is known by.
        let identity = json!({ "email": user }).to_string();
        call.header(AP_TEMPPASS_IDENTITY, &BASE64_STANDARD.encode(identity))
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

/// Makes a call; only who is refused hears of it here.
async fn send(upstream: &Upstream, context: &CallContext, call: Call) -> Result<Answer> {
    let (session, device) = (&upstream.inner.session, call.device);
    let answer = session.send(context, call).await?;
    if answer.status.is_success() { Ok(answer) } else { Err(session.refusal(&answer, device).await) }
}

/// The object that an answer holds.
fn object(answer: &Answer) -> Result<Value> {
    let body = serde_json::from_slice::<Value>(&answer.body).ok().filter(Value::is_object);
    body.ok_or_else(|| unreadable(answer, "its answer is not the JSON that was asked for"))
}

fn mvpd_of(object: &Value) -> Option<MvpdId> {
    MvpdId::parse("mvpd", &text(object, "mvpd")?).ok()
}
