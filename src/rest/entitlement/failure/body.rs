//! The bodies of errors: plain and enhanced ones, in JSON and XML (reference of the device flow, section 5.1).

use serde::Serialize;

use super::{super::xml, ErrorContent, ErrorDetails};
use crate::config::ResponseFormat;

/// The provider's page about error codes.
pub(super) const HELP_URL: &str = "https://experienceleague.adobe.com/en/docs/pass/authentication/integration-guide-programmers/features-standard/error-reporting/enhanced-error-codes";

/// The action of a client if there was no decision.
pub(super) const RETRY: &str = "retry";

/// The plain error.
#[derive(Serialize)]
pub(super) struct PlainError<'a> {
    pub(super) status: u16,
    pub(super) message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) details: Option<Option<&'a str>>,
}

/// The enhanced error, with its fields in the documented order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::rest::entitlement) struct EnhancedError {
    action: &'static str,
    status: u16,
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<String>,
    help_url: &'static str,
    trace: String,
}

impl EnhancedError {
    pub(super) fn new(content: ErrorContent, trace: &str) -> Self {
        let ErrorContent { status, message, details, code, .. } = content;
        let details = match details {
            ErrorDetails::Text(text) => Some(text),
            ErrorDetails::Absent | ErrorDetails::Null => None,
        };
        let (action, status) = (action(code), status.as_u16());
        Self { action, status, code, message, details, help_url: HELP_URL, trace: trace.to_owned() }
    }
}

/// Renders the error. Numbers and strings can always be rendered.
pub(super) fn render_body(error: &impl Serialize, format: ResponseFormat) -> Vec<u8> {
    match format {
        ResponseFormat::Json => serde_json::to_vec(error).unwrap_or_default(),
        ResponseFormat::Xml => xml::document("error", error).unwrap_or_default(),
    }
}

/// Returns the documented action for an error (reference of the device flow, section 5.1).
pub(super) fn action(code: &str) -> &'static str {
    match code {
        "unknown_integration" | "too_many_resources" => "configuration",
        "authentication_session_issuer_mismatch"
        | "authorization_denied_by_hba_policies"
        | "authorization_denied_by_session_invalidated"
        | "identity_not_recognized_by_mvpd"
        | "authentication_session_invalidated"
        | "authentication_session_missing"
        | "authentication_session_expired"
        | "preauthorization_authentication_session_missing"
        | "preauthorization_authentication_session_expired" => "authentication",
        "authorization_not_found" | "authorization_expired" => "authorization",
        "network_received_error"
        | "network_connection_timeout"
        | "maximum_execution_time_exceeded"
        | "maximum_attempts_exceeded" => RETRY,
        _ => "none",
    }
}
