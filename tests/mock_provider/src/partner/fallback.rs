//! The basic login, where single sign-on cannot proceed.

use http::StatusCode;

use crate::{
    answer::Answer,
    device::Device,
    owner::Owner,
    session::{self, SessionParameters},
    state::Mock,
};

/// Starts a session, and says why.
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
