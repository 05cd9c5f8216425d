//! The operations of v2 that a client calls for a service provider.

use http::{Method, StatusCode};

use crate::{
    answer::Answer,
    call::decode,
    configuration,
    decision::{self, Question},
    logout, partner, problem, profile,
    request::Request,
    session,
    state::Mock,
};

type Result = std::result::Result<Answer, Answer>;

/// The response to this path after the service provider.
pub(super) fn answer(mock: &mut Mock, request: &Request<'_>, rest: &[&str]) -> Result {
    if request.service_provider == "UNKNOWN" {
        return Err(problem::INVALID_SERVICE_PROVIDER.answer());
    }
    let listed = mock.settings.service_providers.as_ref();
    if listed.is_some_and(|listed| listed.iter().all(|one| one != request.service_provider)) {
        return Err(problem::INVALID_ACCESS_TOKEN_SERVICE_PROVIDER.answer());
    }
    match (&request.call.method, rest) {
        (&Method::GET, ["configuration"] | ["configuration", ""]) => configuration::read(mock, request),
        (&Method::POST, ["sessions"]) => session::create(mock, request),
        (&Method::GET, ["sessions", code]) => session::read(mock, request, code),
        (&Method::POST, ["sessions", code]) => session::resume(mock, request, code),
        (&Method::POST, ["sessions", "sso", partner]) => partner::create(mock, request, &decode(partner)),
        (&Method::GET, ["profiles"]) => profile::all(mock, request),
        (&Method::GET, ["profiles", "code", code]) => profile::by_code(mock, request, code),
        (&Method::GET, ["profiles", mvpd]) => profile::by_mvpd(mock, request, &decode(mvpd)),
        (&Method::POST, ["profiles", "sso", partner]) => partner::exchange(mock, request, &decode(partner)),
        (&Method::POST, ["decisions", "authorize", mvpd]) => {
            decision::decide(mock, request, Question::Authorize, &decode(mvpd))
        }
        (&Method::POST, ["decisions", "preauthorize", mvpd]) => {
            decision::decide(mock, request, Question::Preauthorize, &decode(mvpd))
        }
        (&Method::GET, ["logout"]) => logout::all(mock, request),
        (&Method::GET, ["logout", mvpd]) => logout::one(mock, request, &decode(mvpd)),
        _ if is_known(rest) => Err(wrong_method()),
        _ => super::not_found(),
    }
}

fn is_known(rest: &[&str]) -> bool {
    matches!(
        rest,
        ["configuration" | "sessions" | "profiles" | "logout"]
            | ["sessions" | "profiles" | "logout", _]
            | ["sessions" | "profiles", "sso", _]
            | ["profiles", "code", _]
            | ["decisions", "authorize" | "preauthorize", _]
    )
}

/// v2 has no error code for this case, so the one of v1 is used (assumption).
fn wrong_method() -> Answer {
    problem::INTERNAL_ERROR.answer_with(StatusCode::METHOD_NOT_ALLOWED, None)
}
