//! The next action for the caller of a session.

use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Session, SessionParameters};
use crate::{
    answer::Answer,
    call::encode,
    owner::Owner,
    profile::{LoginState, ProfileType},
    state::Mock,
};

/// The next action.
#[derive(Debug)]
pub(crate) enum Next {
    /// A browser opens the login page.
    Login,
    /// A client sends the missing parameters.
    Parameters,
    /// No login is needed, for this reason.
    Decisions {
        /// The operator.
        mvpd: String,
        /// The reason, as named on the pages.
        reason: &'static str,
    },
}

/// The next action for a device with these parameters. Without an operator, an existing login of the device does not count
/// (assumption).
pub(crate) fn next(mock: &Mock, owner: &Owner, parameters: &SessionParameters) -> Result<Next, Answer> {
    parameters.check(mock, &owner.service_provider)?;
    if let Some(id) = &parameters.mvpd
        && let Some(reason) = reason_to_decide(mock, owner, id)?
    {
        return Ok(Next::Decisions { mvpd: id.clone(), reason });
    }
    Ok(if parameters.missing().is_empty() { Next::Login } else { Next::Parameters })
}

/// The reason why no login with the operator is needed, if any.
fn reason_to_decide(mock: &Mock, owner: &Owner, id: &str) -> Result<Option<&'static str>, Answer> {
    let mvpd = mock.catalog.integrated(&owner.service_provider, id)?;
    if mvpd.behavior.trial.is_some() {
        return Ok(Some("temporary"));
    }
    Ok(match mock.profiles.find(owner, id, mock.clock.now()) {
        LoginState::Valid(profile) => Some(match profile.kind {
            ProfileType::AppleSso | ProfileType::PlatformSso | ProfileType::ServiceTokenSso => {
                "authenticatedSSO"
            }
            ProfileType::Degraded => "degraded",
            ProfileType::Temporary => "temporary",
            ProfileType::Regular => "authenticated",
        }),
        _ => mvpd.is_open_to_all().then_some("degraded"),
    })
}

impl Session {
    /// The response while an action is left; `ask` is the action name for missing parameters.
    pub(super) fn to_json(&self, ask: &str) -> Value {
        let (provider, code) = (encode(&self.owner.service_provider), self.code.as_str());
        let missing = self.parameters.missing();
        let (name, kind, url) = if missing.is_empty() {
            ("authenticate", "interactive", format!("/api/v2/authenticate/{provider}/{code}"))
        } else {
            (ask, "direct", format!("/api/v2/{provider}/sessions/{code}"))
        };
        let (not_before, not_after) = self.times();
        let mut body = json!({
            "actionName": name,
            "actionType": kind,
            "reasonType": "none",
            "url": url,
            "code": code,
            "sessionId": self.id,
            "serviceProvider": self.owner.service_provider,
            "notBefore": not_before,
            "notAfter": not_after,
        });
        if let Some(mvpd) = &self.parameters.mvpd {
            body["mvpd"] = json!(mvpd);
        }
        if !missing.is_empty() {
            body["missingParameters"] = json!(missing);
        }
        body
    }
}

/// The response if no login is needed. It has no code.
pub(crate) fn decisions(id: Uuid, service_provider: &str, mvpd: &str, reason: &str) -> Answer {
    let url = format!("/api/v2/{}/decisions/authorize/{}", encode(service_provider), encode(mvpd));
    let body = json!({
        "actionName": "authorize",
        "actionType": "direct",
        "reasonType": reason,
        "url": url,
        "sessionId": id,
        "mvpd": mvpd,
        "serviceProvider": service_provider,
    });
    Answer::json_utf8(StatusCode::OK, &body)
}
