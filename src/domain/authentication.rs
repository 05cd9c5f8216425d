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
        "no caller of this server is known by these credentials; ask its operator for an entry in [[callers]]"
    )]
    CallerUnknown,
    /// No configured caller has a name of the client certificate.
    #[error(
        "no caller of this server is known by a name of the client certificate; ask its operator for an entry in \
         [[callers]] with one of them (san), or send the header Authorization: Bearer <access token>"
    )]
    CertificateUnknown,
    /// The client certificate has no name of a supported kind.
    #[error(
        "the client certificate has no name that a caller could be known by (subjectAltName: DNS, URI or e-mail); have one \
         issued that does, or send the header Authorization: Bearer <access token>"
    )]
    CertificateWithoutName,
    /// The names of the client certificate match several entries.
    #[error(
        "the client certificate has names of several callers, and it is not clear which of them calls; ask the operator to \
         leave one of these entries in [[callers]], or for a certificate without the other names"
    )]
    CertificateOfSeveral,
    /// The token's `aud` names another audience.
    #[error("the token is for another audience; ask its issuer for one whose aud is this server")]
    TokenForOthers,
    /// The token has no `exp`.
    #[error("the token has no exp, and would be good for ever; ask its issuer for one that ends")]
    TokenWithoutEnd,
    /// The token's `nbf` is in the future.
    #[error("the token is not valid yet (nbf); set the clocks, or wait")]
    TokenNotYetValid,
    /// This server did not issue the access token, or the token was modified.
    #[error("the access token is not valid; ask for a new one")]
    TokenInvalid,
    /// The access token has expired.
    #[error("the access token has expired; ask for a new one")]
    TokenExpired,
    /// The access token was issued for another environment.
    #[error("the access token belongs to another environment; ask for one in this environment")]
    TokenOfOtherEnvironment,
    /// A revocation covers the access token: of its software statement, of its client, or of its issue time.
    #[error("the access token has been revoked; ask for a new one")]
    TokenRevoked,
    /// The public key is unknown, or the signature does not match its key.
    #[error("the request's signature is not valid for its public_key")]
    SignatureInvalid,
    /// `request_time` has another unit.
    #[error(
        "request_time is not in milliseconds since 1970-01-01T00:00:00Z; a value in seconds is the usual mistake"
    )]
    RequestTimeNotInMilliseconds,
    /// `request_time` differs too much from the server's time.
    #[error("request_time is more than 10 minutes away from this server's time; set the device's clock")]
    RequestTimeOff,
    /// The upstream refuses the access token that the caller sent.
    #[error("the provider does not take the access token; ask for a new one")]
    TokenRefusedUpstream,
    /// The provider's token was not issued through this server, and the call does not go to the provider, which alone could
    /// verify it.
    #[error("the access token was not issued through this server; ask for a new one here")]
    TokenNotIssuedHere,
    /// Another address has already sent a request with this nonce.
    #[error("the nonce was already used by another client; sign with a new one")]
    NonceReused,
}
