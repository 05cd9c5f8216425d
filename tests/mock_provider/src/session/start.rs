//! The start of a session on the TV, and its continuation on the second screen.

use http::StatusCode;
use serde_json::Value;

use super::{Next, Session, SessionParameters, decisions, find, next};
use crate::{
    answer::Answer, code::Code, device::Device, owner::Owner, random, request::Request, state::Mock, viewer,
};

/// `POST /api/v2/{serviceProvider}/sessions`
pub(crate) fn create(mock: &mut Mock, request: &Request<'_>) -> Result<Answer, Answer> {
    let (owner, device) = (request.owner()?, viewer::device(request.call)?);
    let parameters = SessionParameters::of(&request.call.parameters());
    match next(mock, &owner, &parameters)? {
        Next::Decisions { mvpd, reason } => {
            Ok(decisions(random::uuid(), &owner.service_provider, &mvpd, reason))
        }
        Next::Login | Next::Parameters => {
            Ok(Answer::json_utf8(StatusCode::OK, &start(mock, owner, device, parameters)))
        }
    }
}

/// Starts a session and returns the next action.
pub(crate) fn start(mock: &mut Mock, owner: Owner, device: Device, parameters: SessionParameters) -> Value {
    let (now, code) = (mock.clock.now(), Code::random());
    let not_after = now.saturating_add(mock.settings.session_ms);
    let session = Session {
        id: random::uuid(),
        code,
        owner,
        parameters,
        login: None,
        device,
        not_before: now,
        not_after,
    };
    let body = session.to_json("resume");
    mock.sessions.insert(code, not_after, now, session);
    body
}

/// `POST /api/v2/{serviceProvider}/sessions/{code}`: sent parameters replace earlier ones (assumption).
pub(crate) fn resume(mock: &mut Mock, request: &Request<'_>, code: &str) -> Result<Answer, Answer> {
    let session = find(mock, request.service_provider, code)?;
    let parameters = SessionParameters::of(&request.call.parameters()).over(&session.parameters);
    let (owner, id) = (session.owner.clone(), session.id);
    let next = next(mock, &owner, &parameters)?;
    let session = find(mock, request.service_provider, code)?;
    session.parameters = parameters;
    match next {
        Next::Decisions { mvpd, reason } => Ok(decisions(id, &owner.service_provider, &mvpd, reason)),
        Next::Login | Next::Parameters => Ok(Answer::json_utf8(StatusCode::OK, &session.to_json("retry"))),
    }
}
