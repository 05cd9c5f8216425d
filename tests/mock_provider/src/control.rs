//! The control API by which tests configure the mock: `/mock/…`. Its calls are not rate-limited, not logged, and not affected
//! by faults.
//!
//! | call | effect |
//! |---|---|
//! | `GET, DELETE /mock/calls` | returns and deletes the recorded calls: content, time, address and client |
//! | `GET /mock/rates` | counts the calls by endpoint and address, with the most in less than a second |
//! | `GET /mock/state` | counts registrations, tokens and codes |
//! | `POST /mock/clock` | advances the clock by `advance_ms` |
//! | `POST /mock/login` | completes the login of a `service_provider`'s `code`; `profile` overrides the default profile |
//! | `POST, DELETE /mock/faults` | adds faults of calls, and removes them (`fault`) |
//! | `POST /mock/settings` | changes `settings` and returns them |
//! | `GET, POST, DELETE /mock/mvpds` | lists, changes and removes operators by `id` (`mvpd`) |
//! | `POST /mock/accounts` | adds a viewer's account with an operator (`login`) |
//! | `POST /mock/profiles` | adds a login for a device without a session (`profile`) |
//! | `POST /mock/profiles/invalidate` | invalidates logins |
//! | `POST, DELETE /mock/verdicts` | sets decisions, and removes these settings (`decision`) |
//! | `POST /mock/forget_tokens`, `/mock/forget_clients` | deletes tokens, or clients with their tokens |

mod v2;

use http::{Method, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{answer::Answer, call::Call, fault::Fault, profile::ProfileSpec, regcode, session, state::Mock};

#[derive(Deserialize)]
struct Advance {
    advance_ms: i64,
}

#[derive(Deserialize)]
struct LoginOrder {
    service_provider: String,
    code: String,
    mvpd: Option<String>,
    #[serde(default)]
    profile: ProfileSpec,
}

/// The response of the control API.
pub(crate) fn answer(mock: &mut Mock, call: &Call) -> Answer {
    operate(mock, call).unwrap_or_else(|refusal| refusal)
}

fn operate(mock: &mut Mock, call: &Call) -> Result<Answer, Answer> {
    match (&call.method, call.path.as_str()) {
        (&Method::GET, "/mock/calls") => return Ok(Answer::json(StatusCode::OK, mock.calls.entries())),
        (&Method::GET, "/mock/state") => return Ok(state(mock)),
        (&Method::GET, "/mock/rates") => return Ok(Answer::json(StatusCode::OK, &mock.calls.rates())),
        (&Method::GET, "/mock/mvpds") => return Ok(v2::mvpds(mock)),
        (&Method::POST, "/mock/settings") => return v2::settings(mock, call),
        (&Method::POST, "/mock/profiles/invalidate") => return v2::invalidate(mock, call),
        (&Method::POST, "/mock/clock") => return advance(mock, call),
        (&Method::POST, "/mock/login") => return login(mock, call),
        (&Method::POST, "/mock/faults") => mock.faults.add(Fault::parse(&call.body).map_err(bad_request)?),
        (&Method::DELETE, "/mock/faults") => mock.faults.clear(),
        (&Method::DELETE, "/mock/calls") => mock.calls.clear(),
        (&Method::POST, "/mock/mvpds") => v2::change_mvpd(mock, call)?,
        (&Method::DELETE, "/mock/mvpds") => v2::remove_mvpd(mock, call)?,
        (&Method::POST, "/mock/accounts") => mock.accounts.insert(read(call)?),
        (&Method::POST, "/mock/profiles") => v2::put_profile(mock, call)?,
        (&Method::POST, "/mock/verdicts") => mock.verdicts.add(read(call)?),
        (&Method::DELETE, "/mock/verdicts") => mock.verdicts.clear(),
        (&Method::POST, "/mock/forget_tokens") => mock.clients.forget_tokens(),
        (&Method::POST, "/mock/forget_clients") => mock.clients.forget_clients(),
        _ => return Err(refuse(StatusCode::NOT_FOUND, "unknown control call")),
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

/// Completes a login on the second screen: v1 deletes the code, v2 creates the profile.
fn login(mock: &mut Mock, call: &Call) -> Result<Answer, Answer> {
    let LoginOrder { service_provider, code, mvpd, profile } = read(call)?;
    let now = mock.clock.now();
    if regcode::find(mock, &service_provider, &code).is_some() {
        mock.records.remove(&code, now);
        return Ok(logged_in("v1"));
    }
    let session = session::find(mock, &service_provider, &code);
    let session = session.map_err(|_| refuse(StatusCode::NOT_FOUND, "unknown code"))?;
    let mvpd = mvpd.or_else(|| session.parameters.mvpd.clone());
    let mvpd = mvpd.ok_or_else(|| bad_request("an mvpd is missing"))?;
    session.login = Some(mvpd.clone());
    let (owner, id) = (session.owner.clone(), session.id);
    let profile = profile.make(mock, &owner, &mvpd, Some(id));
    mock.profiles.insert(owner, &mvpd, profile);
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
