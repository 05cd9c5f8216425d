//! Authentication sessions, v2 (reference, section 7).

use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    answer::Answer,
    call::{Call, Parameters},
    code::Code,
    device::Device,
    problem, random,
    state::Mock,
    viewer,
};

const TTL: i64 = 30 * 60 * 1000;

/// What a session needs before the viewer can log in.
const PARAMETERS: [&str; 3] = ["mvpd", "domainName", "redirectUrl"];

/// What is kept of a session.
#[derive(Debug)]
pub(crate) struct Session {
    /// Where the viewer is to log in, when it was sent.
    pub mvpd: Option<String>,
    /// With whom the viewer has logged in.
    pub login: Option<String>,
    /// For whom it is.
    pub service_provider: String,
    /// The device's identifier.
    pub device_id: String,
    device: Device,
    existing: Map<String, Value>,
    missing: Vec<&'static str>,
    generated: i64,
}

/// `POST /api/v2/{serviceProvider}/sessions`
pub(crate) fn create(mock: &mut Mock, call: &Call, service_provider: &str) -> Result<Answer, Answer> {
    let (device_id, device) = (viewer::device_id(call)?, viewer::device(call)?);
    let parameters = call.parameters();
    let mvpd = parameters.get("mvpd");
    let now = mock.clock.now();
    let id = random::uuid();
    if let Some(mvpd) = mvpd
        && mock.logins.find(service_provider, &device_id, mvpd, now).is_some()
    {
        return Ok(nothing_left(id, service_provider, mvpd));
    }
    let (existing, missing) = split(&parameters, service_provider);
    let session = Session {
        mvpd: mvpd.map(str::to_owned),
        login: None,
        service_provider: service_provider.to_owned(),
        device_id,
        device,
        existing,
        missing,
        generated: now,
    };
    let code = Code::random();
    let answer = session.created(id, code);
    mock.sessions.insert(code, now + TTL, now, session);
    Ok(answer)
}

/// `GET /api/v2/{serviceProvider}/sessions/{code}`
pub(crate) fn read(mock: &mut Mock, service_provider: &str, code: &str) -> Result<Answer, Answer> {
    let session = find(mock, service_provider, code).ok_or_else(|| problem::INVALID_CODE.answer())?;
    let body = json!({
        "existingParameters": session.existing,
        "missingParameters": session.missing,
        "device": session.device.to_json(),
        "notBefore": session.generated.to_string(),
        "notAfter": (session.generated + TTL).to_string(),
    });
    Ok(Answer::json(StatusCode::OK, &body))
}

/// The session, if it is this service provider's.
pub(crate) fn find<'a>(mock: &'a mut Mock, service_provider: &str, code: &str) -> Option<&'a mut Session> {
    let now = mock.clock.now();
    mock.sessions.get_mut(code, now).filter(|session| session.service_provider == service_provider)
}

impl Session {
    fn created(&self, id: Uuid, code: Code) -> Answer {
        let provider = &self.service_provider;
        let is_complete = self.missing.is_empty();
        let (name, kind, url) = if is_complete {
            ("authenticate", "interactive", format!("/api/v2/authenticate/{provider}/{}", code.as_str()))
        } else {
            ("resume", "direct", format!("/api/v2/{provider}/sessions/{}", code.as_str()))
        };
        let mut body = json!({
            "actionName": name,
            "actionType": kind,
            "reasonType": "none",
            "url": url,
            "code": code,
            "sessionId": id,
            "serviceProvider": provider,
            "notBefore": self.generated.to_string(),
            "notAfter": (self.generated + TTL).to_string(),
        });
        if let Some(mvpd) = &self.mvpd {
            body["mvpd"] = json!(mvpd);
        }
        if !is_complete {
            body["missingParameters"] = json!(self.missing);
        }
        Answer::json(StatusCode::OK, &body)
    }
}

/// The viewer is logged in already.
fn nothing_left(id: Uuid, service_provider: &str, mvpd: &str) -> Answer {
    let body = json!({
        "actionName": "authorize",
        "actionType": "direct",
        "reasonType": "authenticated",
        "sessionId": id,
        "mvpd": mvpd,
        "serviceProvider": service_provider,
    });
    Answer::json(StatusCode::OK, &body)
}

/// The parameters that were sent, and the names of those that were not.
fn split(parameters: &Parameters, service_provider: &str) -> (Map<String, Value>, Vec<&'static str>) {
    let mut existing = Map::from_iter([("serviceProvider".to_owned(), json!(service_provider))]);
    let mut missing = Vec::new();
    for name in PARAMETERS {
        match parameters.get(name) {
            Some(value) => drop(existing.insert(name.to_owned(), json!(value))),
            None => missing.push(name),
        }
    }
    (existing, missing)
}
