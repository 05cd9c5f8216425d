//! The operator's part of the login: its page, and the actions of the viewer on it.

use http::StatusCode;

use super::{
    MSO_PAGES, OPERATOR_PAGES,
    account::Admission,
    assertion::{Assertion, TTL, Viewer},
    broken, redirect,
};
use crate::{
    answer::Answer,
    call::{Call, encode},
    code::Code,
    state::Mock,
    xml::escaped,
};

/// `GET /operators/{mvpd}/login`
pub(crate) fn login_page(mock: &Mock, call: &Call, mvpd: &str) -> Answer {
    page(mock, StatusCode::OK, mvpd, call.parameters().get("RelayState").unwrap_or_default(), "")
}

/// `POST /operators/{mvpd}/login`: the viewer has submitted the form with one of its buttons.
pub(crate) fn log_in(mock: &mut Mock, call: &Call, mvpd: &str) -> Answer {
    let parameters = call.parameters();
    let get = |name| parameters.get(name).unwrap_or_default();
    let (code, user_name) = (get("RelayState").to_owned(), get("username").to_owned());
    let viewer = if parameters.get("cancel").is_some() {
        None
    } else {
        match mock.accounts.admit(mvpd, &user_name, get("password")) {
            // The status of this page is an assumption.
            Admission::WrongPassword => {
                let hint = "<p>The user name and the password do not match</p>";
                return page(mock, StatusCode::UNAUTHORIZED, mvpd, &code, hint);
            }
            Admission::Refused => None,
            Admission::Admitted(attributes) => Some(Viewer { user_name, attributes }),
        }
    };
    let (now, artifact) = (mock.clock.now(), Code::random());
    let assertion = Assertion { code: code.clone(), mvpd: mvpd.to_owned(), viewer };
    mock.assertions.insert(artifact, now + TTL, now, assertion);
    redirect(&format!(
        "{}{MSO_PAGES}/saml/assertion?SAMLart={}&RelayState={}",
        call.origin(),
        artifact.as_str(),
        encode(&code),
    ))
}

/// `GET /operators/{mvpd}/logout`: the operator ends the browser's session and redirects it back.
pub(crate) fn logout_page(call: &Call) -> Answer {
    match call.parameters().get("redirect_url") {
        Some(url) => redirect(url),
        None => broken("The redirect URL is missing"),
    }
}

fn page(mock: &Mock, status: StatusCode, mvpd: &str, code: &str, hint: &str) -> Answer {
    let Some(operator) = mock.catalog.find(mvpd) else { return broken("The operator is unknown") };
    let form = format!(
        r#"{hint}<form method="post" action="{OPERATOR_PAGES}/{}/login"><input type="hidden" name="RelayState" value="{}"><label>User name <input name="username"></label><label>Password <input type="password" name="password"></label><button>Log in</button><button name="cancel" value="1">Cancel</button></form>"#,
        encode(mvpd),
        escaped(code),
    );
    Answer::page(status, &format!("Log in to {}", operator.display_name), &form)
}
