//! Errors as defined by RFC 7591 (section 3.2.2) and RFC 6749 (section 5.2).

use crate::{domain::randomness::RandomnessUnavailable, telemetry};

/// A rejected registration or token request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {description}", code.as_str())]
pub struct OAuthError {
    /// The code, for clients.
    pub code: OAuthErrorCode,
    /// The description, for people.
    pub description: String,
}

/// The error codes of the RFCs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OAuthErrorCode {
    /// A parameter is missing, repeated or malformed.
    InvalidRequest,
    /// A redirect URI is invalid.
    InvalidRedirectUri,
    /// The software statement is expired, or not signed by a trusted issuer.
    InvalidSoftwareStatement,
    /// The software statement is genuine, but may not, or no longer, be used here.
    UnapprovedSoftwareStatement,
    /// The client id is unknown, its secret is wrong, or it was revoked: register again.
    InvalidClient,
    /// The client may not do this here.
    UnauthorizedClient,
    /// The only supported grant type is `client_credentials`.
    UnsupportedGrantType,
    /// A defect or failure of this server.
    ServerError,
}

impl OAuthErrorCode {
    /// The code as it appears in a response.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidSoftwareStatement => "invalid_software_statement",
            Self::UnapprovedSoftwareStatement => "unapproved_software_statement",
            Self::InvalidClient => "invalid_client",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::ServerError => "server_error",
        }
    }

    /// The error with this code and description.
    #[must_use]
    pub fn because(self, description: impl Into<String>) -> OAuthError {
        OAuthError { code: self, description: description.into() }
    }
}

/// Logs the cause, and omits it from the response.
pub(super) fn server_error(cause: impl std::fmt::Display) -> OAuthError {
    telemetry::report_defect(cause);
    OAuthErrorCode::ServerError.because("internal error")
}

impl From<RandomnessUnavailable> for OAuthError {
    fn from(cause: RandomnessUnavailable) -> Self {
        server_error(cause)
    }
}
