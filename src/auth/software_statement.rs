//! Software statements of other issuers, verified with the public keys that the operator has configured.

use jsonwebtoken::{
    Algorithm, DecodingKey, decode_header,
    jwk::{AlgorithmParameters, JwkSet},
};
use serde::Deserialize;

use super::signing_keys::signature_only;

/// The claims that passbridge reads from another issuer's statement. Times are seconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ForeignStatement {
    /// The configured application of the statement.
    #[serde(default)]
    pub software_id: String,
    /// The statement's id, if it has one.
    pub jti: Option<String>,
    /// The start of validity.
    pub nbf: Option<f64>,
    /// The expiry.
    pub exp: Option<f64>,
}

/// The public keys of accepted issuers, each with its `kid`, if it has one.
#[derive(Debug, Clone, Default)]
pub struct StatementKeys(Vec<(Option<String>, DecodingKey)>);

impl StatementKeys {
    /// Parses a JWK Set (RFC 7517). Skips shared secrets, because a verifier could also sign with them.
    ///
    /// # Errors
    /// The text is not a JWK Set, or has no public key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let set: JwkSet =
            serde_json::from_str(text).map_err(|error| format!("is not a JWK Set (RFC 7517): {error}"))?;
        let is_public =
            |algorithm: &AlgorithmParameters| !matches!(algorithm, AlgorithmParameters::OctetKey(_));
        let keys: Vec<_> = set
            .keys
            .iter()
            .filter(|key| is_public(&key.algorithm))
            .map(|key| {
                let id = key.common.key_id.clone();
                let decoding = DecodingKey::from_jwk(key)
                    .map_err(|error| format!("has the unusable key {id:?}: {error}"))?;
                Ok((id, decoding))
            })
            .collect::<Result<_, String>>()?;
        if keys.is_empty() { Err("has no public key".to_owned()) } else { Ok(Self(keys)) }
    }

    /// Verifies the signature of a statement and returns its claims.
    #[must_use]
    pub fn verify(&self, statement: &str) -> Option<ForeignStatement> {
        let header = decode_header(statement).ok()?;
        let fits = |id: &Option<String>, key: &DecodingKey| {
            key.family().algorithms().contains(&header.alg)
                && (header.kid.is_none() || id.is_none() || header.kid == *id)
        };
        self.0.iter().filter(|(id, key)| fits(id, key)).find_map(|(_, key)| {
            jsonwebtoken::decode(statement, key, &signature_only(header.alg)).ok().map(|token| token.claims)
        })
    }
}

/// Whether a statement claims to be signed with a shared secret. Only this server's own statements are.
#[must_use]
pub(crate) fn is_own(statement: &str) -> bool {
    decode_header(statement).is_ok_and(|header| header.alg == Algorithm::HS256)
}

/// Whether a text has the form of a JWT, genuine or not.
#[must_use]
pub(crate) fn is_jwt(text: &str) -> bool {
    decode_header(text).is_ok()
}
