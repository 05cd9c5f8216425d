//! The route of a call to its operation, after authentication.

mod browser;
mod v2;

use std::rc::Rc;

use http::{Method, StatusCode};

use crate::{
    answer::Answer,
    call::{Call, decode},
    format::Format,
    passthrough, problem, record, regcode, registration,
    request::Request,
    reset,
    state::Mock,
    throttle::{self, Throttle},
};

type Result = std::result::Result<Answer, Answer>;

/// The provider's response.
pub(crate) fn answer(mock: &mut Mock, call: &Call) -> Answer {
    let admitted = admit(mock, call);
    let answer = admitted.and_then(|client| operate(mock, call, client.as_deref().unwrap_or_default()));
    answer.unwrap_or_else(|refusal| refusal)
}

/// The authenticated client, if the call requires one.
fn admit(mock: &mut Mock, call: &Call) -> std::result::Result<Option<Rc<str>>, Answer> {
    let now = mock.clock.now();
    if let Some(throttle) = &mut mock.throttle
        && Throttle::covers(&call.path)
        && !throttle.admit(&call.address(), now)
    {
        return Err(throttle::refusal());
    }
    if OPEN.iter().any(|prefix| call.path.starts_with(prefix)) {
        return Ok(None);
    }
    let client = call.bearer().and_then(|token| mock.clients.admit(token, now));
    if client.is_some() {
        return Ok(client);
    }
    if call.path.starts_with("/api/v2/") {
        return Err(problem::INVALID_ACCESS_TOKEN.answer());
    }
    Err(record::error(call, StatusCode::UNAUTHORIZED, "The access token is missing or invalid"))
}

/// Calls without an access token: by devices that have none yet, and by browsers.
const OPEN: [&str; 6] = [
    "/o/client/",
    "/api/v1/checkauthn/",
    "/api/v1/config/",
    "/api/v2/authenticate/",
    "/adobe-services/",
    "/operators/",
];

fn operate(mock: &mut Mock, call: &Call, client: &str) -> Result {
    let segments: Vec<&str> = call.path.split('/').skip(1).collect();
    match (&call.method, segments.as_slice()) {
        (&Method::POST, ["o", "client", "register"]) => registration::register(mock, call),
        (&Method::POST, ["o", "client", "token"]) => registration::token(mock, call),
        (_, ["reggie", "v1", requestor, rest @ ..]) => reggie(mock, call, &decode(requestor), rest),
        (&Method::GET, ["adobe-services", "config", _]) => Ok(passthrough::echo(call)),
        (_, ["api", "v2", "authenticate", ..] | ["adobe-services" | "operators", ..]) => {
            browser::answer(mock, call, &segments)
        }
        (_, ["api", "v2", provider, rest @ ..]) => {
            v2::answer(mock, &Request { call, client, service_provider: &decode(provider) }, rest)
        }
        (&Method::DELETE, ["reset-tempass", "v3", "reset"]) => reset::specific(mock, call),
        (&Method::DELETE, ["reset-tempass", "v3", "reset", "generic"]) => reset::generic(mock, call),
        (_, ["reset-tempass", "v3", "reset", ..]) => Err(Answer::html(StatusCode::METHOD_NOT_ALLOWED)),
        (&Method::GET, ["api", "v1", "stream"]) => Ok(passthrough::stream(call)),
        (&Method::GET | &Method::POST | &Method::DELETE, ["api", "v1", ..]) => Ok(passthrough::echo(call)),
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

fn without_extension(segment: &str) -> &str {
    Format::split(segment).0
}

fn not_found() -> Result {
    Err(Answer::html(StatusCode::NOT_FOUND))
}
