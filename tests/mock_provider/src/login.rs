//! The login as a browser sees it: from the provider to the operator's pages, and back with what the operator says of the
//! viewer. All pages are this process's own. How the operator hands its answer over is between the two, and simpler here than
//! it is there: a code that stands for it (assumption).

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

/// Where the provider's own pages for browsers are.
pub(crate) const MSO_PAGES: &str = "/adobe-services";

/// Where operators' pages are.
const OPERATOR_PAGES: &str = "/operators";

/// The page that a browser shows where the login cannot go on.
fn broken(reason: impl fmt::Display) -> Answer {
    let body = format!("<p>{}</p>", crate::xml::escaped(&reason.to_string()));
    Answer::page(StatusCode::BAD_REQUEST, "The login cannot go on", &body)
}

/// Sends a browser on. A place that no header can hold breaks the login off.
fn redirect(location: &str) -> Answer {
    Answer::redirect(location).unwrap_or_else(|| broken("There is no way to the next page"))
}
