//! Authentication sessions, v2.

mod next;
mod parameters;
mod start;

use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    answer::Answer, code::Code, device::Device, owner::Owner, problem, request::Request, state::Mock,
};

pub(crate) use next::{Next, decisions, next};
pub(crate) use parameters::SessionParameters;
pub(crate) use start::{create, resume, start};

/// A stored session.
#[derive(Debug)]
pub(crate) struct Session {
    /// `sessionId` on the pages.
    pub id: Uuid,
    pub code: Code,
    /// The owner of the resulting profile.
    pub owner: Owner,
    /// The parameters of the login.
    pub parameters: SessionParameters,
    /// The operator with which the viewer has logged in.
    pub login: Option<String>,
    device: Device,
    not_before: i64,
    not_after: i64,
}

/// `GET /api/v2/{serviceProvider}/sessions/{code}`
pub(crate) fn read(mock: &mut Mock, request: &Request<'_>, code: &str) -> Result<Answer, Answer> {
    let session = find(mock, request.service_provider, code)?;
    let (not_before, not_after) = session.times();
    let body = json!({
        "existingParameters": session.parameters.existing(&session.owner.service_provider),
        "missingParameters": session.parameters.missing(),
        "device": session.device.to_json(),
        "notBefore": not_before,
        "notAfter": not_after,
    });
    Ok(Answer::json_utf8(StatusCode::OK, &body))
}

/// The session. A code of another service provider is an invalid session, not an unknown code (assumption).
pub(crate) fn find<'a>(
    mock: &'a mut Mock,
    service_provider: &str,
    code: &str,
) -> Result<&'a mut Session, Answer> {
    let now = mock.clock.now();
    let session = mock.sessions.get_mut(code, now).ok_or_else(|| problem::INVALID_CODE.answer())?;
    if session.owner.service_provider != service_provider {
        return Err(problem::INVALID_SESSION.answer());
    }
    Ok(session)
}

impl Session {
    /// The start and expiry of the code, as text.
    fn times(&self) -> (Value, Value) {
        (self.not_before.to_string().into(), self.not_after.to_string().into())
    }
}
