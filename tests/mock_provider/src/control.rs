//! How tests steer the mock: `/mock/…`, which is neither throttled nor logged nor hit by faults.

use http::{Method, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{answer::Answer, call::Call, fault::Fault, regcode, session, state::Mock};

#[derive(Deserialize)]
struct Advance {
    advance_ms: i64,
}

#[derive(Deserialize)]
struct Login {
    service_provider: String,
    code: String,
    mvpd: Option<String>,
}

/// The answer of the control API.
pub(crate) fn answer(mock: &mut Mock, call: &Call) -> Answer {
    operate(mock, call).unwrap_or_else(|refusal| refusal)
}

fn operate(mock: &mut Mock, call: &Call) -> Result<Answer, Answer> {
    match (&call.method, call.path.as_str()) {
        (&Method::GET, "/mock/calls") => return Ok(Answer::json(StatusCode::OK, mock.calls.entries())),
        (&Method::GET, "/mock/state") => return Ok(state(mock)),
        (&Method::POST, "/mock/clock") => return advance(mock, call),
        (&Method::POST, "/mock/login") => return login(mock, call),
        (&Method::POST, "/mock/faults") => mock.faults.add(Fault::parse(&call.body).map_err(bad_request)?),
        (&Method::DELETE, "/mock/faults") => mock.faults.clear(),
        (&Method::DELETE, "/mock/calls") => mock.calls.clear(),
        (&Method::POST, "/mock/forget_tokens") => mock.clients.forget_tokens(),
        (&Method::POST, "/mock/forget_clients") => mock.clients.forget_clients(),
        _ => return Err(refuse(StatusCode::NOT_FOUND, "there is no such control")),
    }
    Ok(Answer::nothing())
}

fn state(mock: &mut Mock) -> Answer {
    let now = mock.clock.now();
    let live_codes = mock.records.count(now) + mock.sessions.count(now);
    let body = json!({
        "registrations": mock.clients.registrations,
        "tokens_issued": mock.clients.tokens_issued,
        "live_codes": live_codes,
    });
    Answer::json(StatusCode::OK, &body)
}

fn advance(mock: &mut Mock, call: &Call) -> Result<Answer, Answer> {
    let Advance { advance_ms } = read(call)?;
    mock.clock.advance(advance_ms);
    Ok(Answer::json(StatusCode::OK, &json!({ "now_ms": mock.clock.now() })))
}

/// The viewer logs in on the second screen: v1 gives the code back, v2 shows the profile.
fn login(mock: &mut Mock, call: &Call) -> Result<Answer, Answer> {
    let Login { service_provider, code, mvpd } = read(call)?;
    let now = mock.clock.now();
    if regcode::find(mock, &service_provider, &code).is_some() {
        mock.records.remove(&code, now);
        return Ok(logged_in("v1"));
    }
    let session = session::find(mock, &service_provider, &code);
    let session = session.ok_or_else(|| refuse(StatusCode::NOT_FOUND, "there is no such code"))?;
    let mvpd = mvpd.or_else(|| session.mvpd.clone()).ok_or_else(|| bad_request("an mvpd is missing"))?;
    session.login = Some(mvpd.clone());
    let device = session.device_id.clone();
    mock.logins.insert(&service_provider, &device, &mvpd, now);
    Ok(logged_in("v2"))
}

fn logged_in(version: &str) -> Answer {
    let body: Value = json!({ "api": version });
    Answer::json(StatusCode::OK, &body)
}

fn read<T: DeserializeOwned>(call: &Call) -> Result<T, Answer> {
    serde_json::from_slice(&call.body).map_err(bad_request)
}

fn bad_request(reason: impl ToString) -> Answer {
    refuse(StatusCode::BAD_REQUEST, &reason.to_string())
}

fn refuse(status: StatusCode, reason: &str) -> Answer {
    Answer::json(status, &json!({ "error": reason }))
}
