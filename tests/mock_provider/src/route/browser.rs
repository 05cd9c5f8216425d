//! Pages for browsers. All responses are pages, also errors.

use http::{Method, StatusCode};

use crate::{
    answer::Answer,
    call::{Call, decode},
    login,
    state::Mock,
};

type Result = std::result::Result<Answer, Answer>;

/// The response to this path after the host.
pub(super) fn answer(mock: &mut Mock, call: &Call, segments: &[&str]) -> Result {
    Ok(match (&call.method, segments) {
        (&Method::GET, ["api", "v2", "authenticate", provider, code]) => {
            login::authenticate(mock, call, &decode(provider), code)
        }
        (_, ["api", "v2", "authenticate", _, _]) => Answer::html(StatusCode::METHOD_NOT_ALLOWED),
        (&Method::GET, ["adobe-services", "authenticate", "saml"]) => login::request_login(mock, call),
        (&Method::GET, ["adobe-services", "saml", "assertion"]) => login::consume_assertion(mock, call),
        (&Method::GET, ["adobe-services", "logout"]) => login::request_logout(call),
        (&Method::GET, ["operators", mvpd, "login"]) => login::login_page(mock, call, &decode(mvpd)),
        (&Method::POST, ["operators", mvpd, "login"]) => login::log_in(mock, call, &decode(mvpd)),
        (&Method::GET, ["operators", _, "logout"]) => login::logout_page(call),
        _ => return super::not_found(),
    })
}
