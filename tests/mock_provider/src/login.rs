//! The login in a browser: from the provider to the operator's pages, and back with the operator's assertion about the
//! viewer. This process serves all pages. The operator transfers its assertion by a code, which is simpler than the real
//! protocol between the two (assumption).

mod account;
mod assertion;
mod operator;
mod provider;

use std::fmt;

use http::StatusCode;

use crate::answer::Answer;

pub(crate) use account::Accounts;
pub(crate) use assertion::Assertion;
pub(crate) use operator::{log_in, login_page, logout_page};
pub(crate) use provider::{authenticate, consume_assertion, request_login, request_logout};

/// The path of the provider's pages for browsers.
pub(crate) const MSO_PAGES: &str = "/adobe-services";

/// The path of the operators' pages.
const OPERATOR_PAGES: &str = "/operators";

/// The error page of a login that cannot continue.
fn broken(reason: impl fmt::Display) -> Answer {
    let body = format!("<p>{}</p>", crate::xml::escaped(&reason.to_string()));
    Answer::page(StatusCode::BAD_REQUEST, "The login cannot continue", &body)
}

/// Redirects a browser. A location that is not a valid header value ends the login.
fn redirect(location: &str) -> Answer {
    Answer::redirect(location).unwrap_or_else(|| broken("The address of the next page is invalid"))
}
