//! Authentication sessions. A session's code is what a viewer enters.

use http::Method;
use serde_json::Value;

use super::{CodeQuery, ProviderDevice, call, mvpd_of, object, send, with_device};
use crate::{
    backend::upstream::{
        Upstream,
        call::ProviderResponse,
        device,
        failure::unreadable,
        json::{code_expiry, moment, plain, text},
    },
    domain::{
        call::CallContext,
        clock::Timestamp,
        code::{Code, upstream_code},
        device_info::NormalizedDeviceInfo,
        entitlement::{LoginRequest, LoginStart},
        error::Result,
        id::{MvpdId, RequestorId},
    },
};

/// The parameters of a login.
pub(super) const MVPD: &str = "mvpd";
pub(super) const DOMAIN_NAME: &str = "domainName";
pub(super) const REDIRECT_URL: &str = "redirectUrl";

/// The maximum number of reported missing parameters.
const MISSING_MAX: usize = 16;

/// Creates and reads sessions.
pub(super) struct Sessions(Upstream);

/// The result of creating a session.
pub(super) enum SessionOpening {
    /// A session in which a viewer can log in.
    Opened(LoginSession),
    /// No session: the device is already logged in, with this operator.
    LoggedIn(Option<MvpdId>),
}

/// A new session.
pub(super) struct LoginSession {
    pub id: String,
    pub code: Code,
    pub mvpd: Option<MvpdId>,
    pub create_time: Timestamp,
    pub expire_time: Timestamp,
}

/// The present state of a session.
pub(super) struct SessionState {
    /// The operator given at creation, or chosen since.
    pub mvpd: Option<MvpdId>,
    pub create_time: Option<Timestamp>,
    /// The expiry, or why the response has no valid one.
    pub expire_time: Result<Timestamp>,
    pub device_info: NormalizedDeviceInfo,
}

impl Sessions {
    pub(super) fn new(upstream: Upstream) -> Self {
        Self(upstream)
    }

    /// Creates a session. Empty parameters are omitted.
    pub(super) async fn create(
        &self,
        context: &CallContext,
        requestor: &RequestorId,
        parameters: &[(&str, &str)],
        device: &ProviderDevice<'_>,
    ) -> Result<SessionOpening> {
        let call = call(Method::POST, requestor, "sessions").form(&filled(parameters));
        let call = with_device(call, device).registering();
        let answer = send(&self.0, context, call).await?;
        let opening = opening(&answer, self.now())?;
        self.0.inner.client_change.record_login().await;
        Ok(opening)
    }

    /// Returns the session of a code. `None` if the provider does not know the code.
    pub(super) async fn of_code(
        &self,
        context: &CallContext,
        code: &CodeQuery<'_>,
    ) -> Result<Option<SessionState>> {
        match self.0.inner.session.ask(context, code.call(Method::GET, "sessions")).await? {
            Some(answer) => state(&answer, self.now()).map(Some),
            None => Ok(None),
        }
    }

    /// Starts a login in the session of a code. An empty domain is omitted. `None` if the provider does not know the code.
    pub(super) async fn start_login(
        &self,
        context: &CallContext,
        code: &CodeQuery<'_>,
        request: &LoginRequest,
        domain_name: &str,
    ) -> Result<Option<LoginStart>> {
        let LoginRequest { mvpd, redirect_url, .. } = request;
        let parameters = [
            (MVPD, mvpd.as_ref().map_or("", |mvpd| mvpd.as_str())),
            (DOMAIN_NAME, domain_name),
            (REDIRECT_URL, redirect_url),
        ];
        let call = code.call(Method::POST, "sessions").form(&filled(&parameters));
        let Some(answer) = self.0.inner.session.ask(context, call).await? else { return Ok(None) };
        self.login(&answer).map(Some)
    }

    fn login(&self, answer: &ProviderResponse) -> Result<LoginStart> {
        let body = object(answer)?;
        let missing = body.get("missingParameters").and_then(Value::as_array).into_iter().flatten();
        let missing: Vec<_> = missing.filter_map(Value::as_str).take(MISSING_MAX).map(field_of).collect();
        let url = || text(&body, "url").and_then(|url| self.0.page(&url));
        match text(&body, "actionName").as_deref() {
            Some("authorize") => Ok(LoginStart::AlreadyAuthenticated { mvpd: mvpd_of(&body) }),
            Some("retry" | "resume") => Ok(LoginStart::Incomplete { missing }),
            Some("authenticate") => {
                let url = url().ok_or_else(|| unreadable(answer, "its response has no login URL"))?;
                Ok(LoginStart::Login { url })
            }
            _ => Err(unreadable(answer, "its response has no known actionName")),
        }
    }

    fn now(&self) -> Timestamp {
        self.0.inner.parts.clock.now()
    }
}

fn filled<'a>(parameters: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    parameters.iter().copied().filter(|(_, value)| !value.is_empty()).collect()
}

/// Returns the name of a session parameter in our API. Unknown ones stay as they are.
fn field_of(parameter: &str) -> String {
    match parameter {
        MVPD => "mvpd_id".to_owned(),
        DOMAIN_NAME | "domain" => "domain_name".to_owned(),
        REDIRECT_URL => "redirect_url".to_owned(),
        other => plain(other, 64),
    }
}

fn opening(answer: &ProviderResponse, now: Timestamp) -> Result<SessionOpening> {
    let body = object(answer)?;
    let Some(code) = text(&body, "code") else {
        // The device is already logged in.
        if text(&body, "actionName").as_deref() == Some("authorize") {
            return Ok(SessionOpening::LoggedIn(mvpd_of(&body)));
        }
        return Err(unreadable(answer, "its response has no code"));
    };
    Ok(SessionOpening::Opened(LoginSession {
        id: text(&body, "sessionId").ok_or_else(|| unreadable(answer, "its response has no sessionId"))?,
        code: upstream_code(&code).ok_or_else(|| unreadable(answer, "its response has an invalid code"))?,
        mvpd: mvpd_of(&body),
        create_time: moment(&body, "notBefore").unwrap_or(now),
        expire_time: expiry(answer, &body, now)?,
    }))
}

fn state(answer: &ProviderResponse, now: Timestamp) -> Result<SessionState> {
    let body = object(answer)?;
    Ok(SessionState {
        mvpd: body.get("existingParameters").and_then(mvpd_of),
        create_time: moment(&body, "notBefore"),
        expire_time: expiry(answer, &body, now),
        device_info: device::normalized(body.get("device").unwrap_or(&Value::Null)),
    })
}

fn expiry(answer: &ProviderResponse, body: &Value, now: Timestamp) -> Result<Timestamp> {
    let end = moment(body, "notAfter");
    let end = end.ok_or_else(|| unreadable(answer, "its response has no expiry"))?;
    code_expiry(end, now).map_err(|problem| unreadable(answer, problem))
}
