//! Why a call's credentials are not taken.

/// What is wrong with the credentials that a call carries. The texts are for the caller, and tell only what it could
/// find out by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationProblem {
    /// There are none.
    #[error("the call carries no credentials; send the header Authorization: Bearer <access token>")]
    Missing,
    /// They are neither a bearer token nor a signed request.
    #[error("the Authorization header is neither \"Bearer <access token>\" nor a signed request")]
    Unreadable,
    /// They are genuine or not: nobody that the configuration lists is known by them.
    #[error(
        "no caller of this server is known by these credentials; ask its operator for an entry in [[callers]]"
    )]
    CallerUnknown,
    /// Nobody that the configuration lists is known by a name of the client's certificate.
    #[error(
        "no caller of this server is known by a name of the client certificate; ask its operator for an entry in \
         [[callers]] with one of them (san), or send the header Authorization: Bearer <access token>"
    )]
    CertificateUnknown,
    /// The client's certificate has no name of a kind that callers are known by.
    #[error(
        "the client certificate has no name that a caller could be known by (subjectAltName: DNS, URI or e-mail); have one \
         issued that does, or send the header Authorization: Bearer <access token>"
    )]
    CertificateWithoutName,
    /// The client's certificate has the names of several entries.
    #[error(
        "the client certificate has names of several callers, and it is not clear which of them calls; ask the operator to \
         leave one of these entries in [[callers]], or for a certificate without the other names"
    )]
    CertificateOfSeveral,
    /// The token says that it is for somebody else.
    #[error("the token is for another audience; ask its issuer for one whose aud is this server")]
    TokenForOthers,
    /// The token does not say until when it is good.
    #[error("the token has no exp, and would be good for ever; ask its issuer for one that ends")]
    TokenWithoutEnd,
    /// The token's time is still to come.
    #[error("the token is not valid yet (nbf); set the clocks, or wait")]
    TokenNotYetValid,
    /// The access token is not one of this server's, or was changed on its way.
    #[error("the access token is not valid; ask for a new one")]
    TokenInvalid,
    /// The access token's time is over.
    #[error("the access token has expired; ask for a new one")]
    TokenExpired,
    /// The access token was issued in another environment.
    #[error("the access token belongs to another environment; ask for one in this environment")]
    TokenOfOtherEnvironment,
    /// The statement, client or time that the access token comes from was taken back.
    #[error("the access token has been revoked; ask for a new one")]
    TokenRevoked,
    /// The public key is unknown, or the signature is not that of its key.
    #[error("the request's signature is not valid for its public_key")]
    SignatureInvalid,
    /// `request_time` counts something else.
    #[error(
        "request_time is not in milliseconds since 1970-01-01T00:00:00Z; a value in seconds is the usual mistake"
    )]
    RequestTimeNotInMilliseconds,
    /// `request_time` is too far from this server's time.
    #[error("request_time is more than 10 minutes away from this server's time; set the device's clock")]
    RequestTimeOff,
    /// The upstream does not take the access token that the caller brought.
    #[error("the provider does not take the access token; ask for a new one")]
    TokenRefusedUpstream,
    /// A token of the provider that was not issued through here, for a call that is not the provider's to judge.
    #[error("the access token was not issued through this server; ask for a new one here")]
    TokenNotIssuedHere,
    /// A request with this nonce came from another address before.
    #[error("the nonce was already used by another client; sign with a new one")]
    NonceReused,
}
