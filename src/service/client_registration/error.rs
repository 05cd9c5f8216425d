//! Errors as RFC 7591 (section 3.2.2) and RFC 6749 (section 5.2) have them.

use crate::{domain::randomness::RandomnessUnavailable, telemetry};

/// A registration, or a request for a token, that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {description}", code.as_str())]
pub struct OAuthError {
    /// What clients go by.
    pub code: OAuthErrorCode,
    /// What people read.
    pub description: String,
}

/// What went wrong, in the words of the RFCs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OAuthErrorCode {
    /// A parameter is missing, repeated or malformed.
    InvalidRequest,
    /// A redirect URI is none.
    InvalidRedirectUri,
    /// The software statement is not signed by anybody whose statements are taken, or its time is over.
    InvalidSoftwareStatement,
    /// The software statement is genuine, but may not, or no more, be used here.
    UnapprovedSoftwareStatement,
    /// The client id is not of this server, its secret is wrong, or it was revoked: register again.
    InvalidClient,
    /// The client may not do this here.
    UnauthorizedClient,
    /// Only `client_credentials` there is.
    UnsupportedGrantType,
    /// A defect or a breakdown of this server.
    ServerError,
}

impl OAuthErrorCode {
    /// The code as it stands in an answer.
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

    /// The error with this code, and a description for people.
    #[must_use]
    pub fn because(self, description: impl Into<String>) -> OAuthError {
        OAuthError { code: self, description: description.into() }
    }
}

/// The cause is for the log; the client gets none.
pub(super) fn server_error(cause: impl std::fmt::Display) -> OAuthError {
    telemetry::report_defect(cause);
    OAuthErrorCode::ServerError.because("internal error")
}

impl From<RandomnessUnavailable> for OAuthError {
    fn from(cause: RandomnessUnavailable) -> Self {
        server_error(cause)
    }
}
