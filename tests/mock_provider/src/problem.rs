//! The errors of v2.

use http::StatusCode;
use serde_json::{Value, json};

use crate::{answer::Answer, random};

/// What is wrong, and what the caller can do.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    action: &'static str,
    code: &'static str,
    message: &'static str,
}

/// The token is none of ours, or its time or its client's is over.
pub(crate) const INVALID_ACCESS_TOKEN: Problem = Problem {
    status: StatusCode::UNAUTHORIZED,
    action: "application-registration",
    code: "invalid_access_token_client_application",
    message: "The access token is missing or its client is not registered",
};

/// Nobody knows the service provider.
pub(crate) const INVALID_SERVICE_PROVIDER: Problem =
    bad_request("invalid_parameter_service_provider", "The service provider is unknown");

/// Nobody knows the code.
pub(crate) const INVALID_CODE: Problem = bad_request("invalid_parameter_code", "The code is unknown");

/// There is no resource to decide about.
pub(crate) const INVALID_RESOURCES: Problem =
    bad_request("invalid_parameter_resources", "There are no resources");

/// The device has no identifier.
pub(crate) const INVALID_DEVICE_IDENTIFIER: Problem =
    bad_request("invalid_header_device_identifier", "The device's identifier is missing or invalid");

/// The device is not described.
pub(crate) const INVALID_DEVICE_INFO: Problem =
    bad_request("invalid_header_device_info", "The device's description is missing or invalid");

/// The viewer of a promotional trial is not named.
pub(crate) const INVALID_IDENTITY: Problem = bad_request(
    "invalid_header_identity_for_temporary_access",
    "The viewer's identity is missing or invalid",
);

/// Nobody has logged in.
pub(crate) const PROFILE_MISSING: Problem =
    forbidden("authentication", "authenticated_profile_missing", "Nobody has logged in on the device");

/// The trial's time is over.
pub(crate) const DURATION_EXCEEDED: Problem =
    forbidden("none", "temporary_access_duration_limit_exceeded", "The time of the trial is over");

/// The trial has as many resources as it may have.
pub(crate) const RESOURCES_EXCEEDED: Problem =
    forbidden("none", "temporary_access_resources_limit_exceeded", "The trial has no resource left");

const fn bad_request(code: &'static str, message: &'static str) -> Problem {
    Problem { status: StatusCode::BAD_REQUEST, action: "none", code, message }
}

const fn forbidden(action: &'static str, code: &'static str, message: &'static str) -> Problem {
    Problem { status: StatusCode::FORBIDDEN, action, code, message }
}

impl Problem {
    /// The answer to a call that failed for it.
    pub(crate) fn answer(&self) -> Answer {
        Answer::json(self.status, &self.to_json())
    }

    /// The error as a part of an answer.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "action": self.action,
            "status": self.status.as_u16(),
            "code": self.code,
            "message": self.message,
            "trace": random::uuid(),
        })
    }
}
