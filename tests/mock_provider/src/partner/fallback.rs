//! The basic login as a fallback of single sign-on.

use http::StatusCode;

use crate::{
    answer::Answer,
    device::Device,
    owner::Owner,
    session::{self, SessionParameters},
    state::Mock,
};

/// Starts a session and returns the reason of the fallback.
pub(super) fn basic(
    mock: &mut Mock,
    owner: Owner,
    device: Device,
    parameters: SessionParameters,
    reason: &str,
) -> Answer {
    let mut body = session::start(mock, owner, device, parameters);
    body["reasonType"] = reason.into();
    Answer::json_utf8(StatusCode::OK, &body)
}
