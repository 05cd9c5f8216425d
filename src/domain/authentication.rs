//! The reasons for which a call's credentials are refused.

/// The problem with a call's credentials. The texts are for the caller and reveal only what the caller can already
/// know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationProblem {
    /// The call carries no credentials.
    #[error("the call carries no credentials; send the header Authorization: Bearer <access token>")]
    Missing,
    /// The credentials are neither a bearer token nor a signed request.
    #[error("the Authorization header is neither \"Bearer <access token>\" nor a signed request")]
    Unreadable,
    /// No configured caller has these credentials. Whether they are genuine is not said.
    #[error(
        "no configured caller has these credentials; ask the server's operator for an entry in [[callers]]"
    )]
    CallerUnknown,
    /// No configured caller has a name of the client certificate.
    #[error(
        "no configured caller has a name of the client certificate; ask the server's operator for an entry in [[callers]] \
         with one of its names (san), or send the header Authorization: Bearer <access token>"
    )]
    CertificateUnknown,
    /// The client certificate has no name of a supported kind.
    #[error(
        "the client certificate has no name that identifies a caller (subjectAltName: DNS, URI or e-mail); use a certificate \
         with one, or send the header Authorization: Bearer <access token>"
    )]
    CertificateWithoutName,
    /// The names of the client certificate match several entries.
    #[error(
        "the client certificate has names of several callers; ask the server's operator to keep only one of these entries in \
         [[callers]], or use a certificate without the other names"
    )]
    CertificateOfSeveral,
    /// The token's `aud` names another audience.
    #[error("the token is for another audience; request one from its issuer whose aud names this server")]
    TokenForOthers,
    /// The token has no `exp`.
    #[error("the token has no exp and would never expire; request one from its issuer that expires")]
    TokenWithoutEnd,
    /// The token's `nbf` is in the future.
    #[error("the token is not valid yet (nbf); wait, or correct the clocks of its issuer and of this server")]
    TokenNotYetValid,
    /// This server did not issue the access token, or the token was modified.
    #[error("the access token is not valid; request a new one")]
    TokenInvalid,
    /// The access token has expired.
    #[error("the access token has expired; request a new one")]
    TokenExpired,
    /// The access token was issued for another environment.
    #[error("the access token was issued for another environment; request one for this environment")]
    TokenOfOtherEnvironment,
    /// A revocation covers the access token: of its software statement, of its client, or of its issue time.
    #[error("the access token has been revoked; request a new one")]
    TokenRevoked,
    /// The public key is unknown, or the signature does not match its key.
    #[error("the request's signature is not valid for its public_key")]
    SignatureInvalid,
    /// `request_time` has another unit.
    #[error(
        "request_time must be in milliseconds since 1970-01-01T00:00:00Z; the usual mistake is a value in seconds"
    )]
    RequestTimeNotInMilliseconds,
    /// `request_time` differs too much from the server's time.
    #[error(
        "request_time differs from this server's time by more than 10 minutes; correct the device's clock"
    )]
    RequestTimeOff,
    /// The upstream refuses the access token that the caller sent.
    #[error("the provider refuses the access token; request a new one")]
    TokenRefusedUpstream,
    /// The provider's token was not issued through this server, and the call does not go to the provider, which alone could
    /// verify it.
    #[error("the access token was not issued through this server; request a new one here")]
    TokenNotIssuedHere,
    /// Another address has already sent a request with this nonce.
    #[error("another client has already used the nonce; sign the request with a new one")]
    NonceReused,
}

impl AuthenticationProblem {
    /// Every problem, in order.
    pub const ALL: [Self; 19] = [
        Self::Missing,
        Self::Unreadable,
        Self::CallerUnknown,
        Self::CertificateUnknown,
        Self::CertificateWithoutName,
        Self::CertificateOfSeveral,
        Self::TokenForOthers,
        Self::TokenWithoutEnd,
        Self::TokenNotYetValid,
        Self::TokenInvalid,
        Self::TokenExpired,
        Self::TokenOfOtherEnvironment,
        Self::TokenRevoked,
        Self::SignatureInvalid,
        Self::RequestTimeNotInMilliseconds,
        Self::RequestTimeOff,
        Self::TokenRefusedUpstream,
        Self::TokenNotIssuedHere,
        Self::NonceReused,
    ];
}
