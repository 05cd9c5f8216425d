//! Which operation answers a call, once the call may be answered.

use http::{Method, StatusCode};

use crate::{
    answer::Answer,
    call::{Call, decode},
    decision,
    format::Format,
    passthrough, problem, profile, record, regcode, registration, reset, session,
    state::Mock,
    throttle::Throttle,
};

type Result = std::result::Result<Answer, Answer>;

/// The answer as the provider would give it.
pub(crate) fn answer(mock: &mut Mock, call: &Call) -> Answer {
    let answer = admit(mock, call).and_then(|()| operate(mock, call));
    answer.unwrap_or_else(|refusal| refusal)
}

fn admit(mock: &mut Mock, call: &Call) -> std::result::Result<(), Answer> {
    let now = mock.clock.now();
    if let Some(throttle) = &mut mock.throttle
        && Throttle::covers(&call.path)
        && !throttle.admit(&call.address(), now)
    {
        return Err(Answer::html(StatusCode::TOO_MANY_REQUESTS));
    }
    if call.path.starts_with("/o/client/")
        || bearer(call).is_some_and(|token| mock.clients.admits(token, now))
    {
        return Ok(());
    }
    if call.path.starts_with("/api/v2/") {
        return Err(problem::INVALID_ACCESS_TOKEN.answer());
    }
    Err(record::error(call, StatusCode::UNAUTHORIZED, "The access token is missing or invalid"))
}

fn bearer(call: &Call) -> Option<&str> {
    let (scheme, token) = call.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn operate(mock: &mut Mock, call: &Call) -> Result {
    let segments: Vec<&str> = call.path.split('/').skip(1).collect();
    match (&call.method, segments.as_slice()) {
        (&Method::POST, ["o", "client", "register"]) => registration::register(mock, call),
        (&Method::POST, ["o", "client", "token"]) => registration::token(mock, call),
        (_, ["reggie", "v1", requestor, rest @ ..]) => reggie(mock, call, &decode(requestor), rest),
        (_, ["api", "v2", provider, rest @ ..]) => v2(mock, call, &decode(provider), rest),
        (&Method::DELETE, ["reset-tempass", "v3", "reset"]) => reset::specific(mock, call),
        (&Method::DELETE, ["reset-tempass", "v3", "reset", "generic"]) => reset::generic(mock, call),
        (_, ["reset-tempass", "v3", "reset", ..]) => Err(Answer::html(StatusCode::METHOD_NOT_ALLOWED)),
        (&Method::GET, ["api", "v1", "stream"]) => Ok(passthrough::stream(call)),
        (&Method::GET | &Method::POST, ["api", "v1", ..]) => Ok(passthrough::echo(call)),
        _ => not_found(),
    }
}

fn reggie(mock: &mut Mock, call: &Call, requestor: &str, rest: &[&str]) -> Result {
    if requestor == "UNKNOWN" {
        return Err(record::error(call, StatusCode::BAD_REQUEST, "The requestor is unknown"));
    }
    match (&call.method, rest) {
        (&Method::POST, [last]) if without_extension(last) == "regcode" => {
            regcode::create(mock, call, requestor)
        }
        (&Method::GET, ["regcode", code]) => regcode::read(mock, call, requestor, without_extension(code)),
        (&Method::DELETE, ["regcode", code]) => {
            regcode::delete(mock, call, requestor, without_extension(code))
        }
        _ => not_found(),
    }
}

fn v2(mock: &mut Mock, call: &Call, provider: &str, rest: &[&str]) -> Result {
    if provider == "UNKNOWN" {
        return Err(problem::INVALID_SERVICE_PROVIDER.answer());
    }
    match (&call.method, rest) {
        (&Method::POST, ["sessions"]) => session::create(mock, call, provider),
        (&Method::GET, ["sessions", code]) => session::read(mock, provider, code),
        (&Method::GET, ["profiles", "code", code]) => profile::by_code(mock, provider, code),
        (&Method::GET, ["profiles", mvpd]) => profile::by_mvpd(mock, call, provider, &decode(mvpd)),
        (&Method::POST, ["decisions", "authorize", mvpd]) => {
            decision::authorize(mock, call, provider, &decode(mvpd))
        }
        _ => not_found(),
    }
}

fn without_extension(segment: &str) -> &str {
    Format::split(segment).0
}

fn not_found() -> Result {
    Err(Answer::html(StatusCode::NOT_FOUND))
}
