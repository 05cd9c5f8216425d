//! The provider's own codes of errors.

/// What a code of the provider's means to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A field of our request is not right, by its name in our API.
    Field(&'static str),
    /// The registration code is not known.
    CodeUnknown,
    /// The access token is not good for this.
    Token,
    /// What was asked for is forbidden.
    Forbidden,
    /// The provider, or an operator behind it, has a breakdown.
    Breakdown,
}

/// What the provider's own codes mean (reference, section 7, and the list in its OpenAPI file). Those that decide about a
/// trial are the backend's to read.
const CODES: &[(&str, Meaning)] = &[
    ("invalid_requestor", Meaning::Field("requestor_id")),
    ("invalid_parameter_service_provider", Meaning::Field("requestor_id")),
    ("unknown_integration", Meaning::Field("mvpd_id")),
    ("invalid_integration", Meaning::Field("mvpd_id")),
    ("invalid_parameter_mvpd", Meaning::Field("mvpd_id")),
    ("invalid_parameter_redirect_url", Meaning::Field("redirect_url")),
    ("invalid_parameter_resources", Meaning::Field("resource_id")),
    ("missing_resource", Meaning::Field("resource_id")),
    ("invalid_device_info", Meaning::Field("device")),
    ("invalid_header_device_info", Meaning::Field("device")),
    ("invalid_device_id", Meaning::Field("device_id")),
    ("invalid_header_device_identifier", Meaning::Field("device_id")),
    ("invalid_header_identity_for_temporary_access", Meaning::Field("identity")),
    ("invalid_configuration_temporary_access", Meaning::Field("mvpd_id")),
    ("invalid_parameter_code", Meaning::CodeUnknown),
    ("invalid_authentication_session", Meaning::CodeUnknown),
    ("authentication_session_missing", Meaning::CodeUnknown),
    ("authentication_session_expired", Meaning::CodeUnknown),
    ("authentication_session_invalidated", Meaning::CodeUnknown),
    ("invalid_access_token_service_provider", Meaning::Token),
    ("invalid_access_token_client_application", Meaning::Token),
    ("authorization_denied_by_mvpd", Meaning::Forbidden),
    ("authorization_denied_by_parental_controls", Meaning::Forbidden),
    ("internal_server_error", Meaning::Breakdown),
    ("internal_error", Meaning::Breakdown),
    ("network_received_error", Meaning::Breakdown),
    ("network_connection_timeout", Meaning::Breakdown),
    ("maximum_execution_time_exceeded", Meaning::Breakdown),
    ("maximum_attempts_exceeded", Meaning::Breakdown),
];

/// What a code means, if it is known.
#[must_use]
pub(crate) fn meaning(code: &str) -> Option<Meaning> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, meaning)| *meaning)
}

/// Every code that is known.
pub(crate) fn codes() -> impl Iterator<Item = &'static str> {
    CODES.iter().map(|(code, _)| *code)
}
