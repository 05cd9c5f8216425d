//! Software statements that others sign, verified by the public keys that the operator configured.

use jsonwebtoken::{
    Algorithm, DecodingKey, decode_header,
    jwk::{AlgorithmParameters, JwkSet},
};
use serde::Deserialize;

use super::signing_keys::signature_only;

/// What is looked at in a statement that somebody else signed. Times are seconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ForeignStatement {
    /// The configured application that the statement is for.
    #[serde(default)]
    pub software_id: String,
    /// The statement's own id, where it has one.
    pub jti: Option<String>,
    /// From when on it may be used.
    pub nbf: Option<f64>,
    /// Until when it may be used.
    pub exp: Option<f64>,
}

/// The public keys of those whose statements are taken, each with the name that a statement's header may give it.
#[derive(Debug, Clone, Default)]
pub struct StatementKeys(Vec<(Option<String>, DecodingKey)>);

impl StatementKeys {
    /// Reads a JWK Set (RFC 7517). Shared secrets in it are left out: whoever may verify with one could also sign with it.
    ///
    /// # Errors
    /// Where it is none, or holds no public key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let set: JwkSet =
            serde_json::from_str(text).map_err(|error| format!("is no JWK Set (RFC 7517): {error}"))?;
        let is_public =
            |algorithm: &AlgorithmParameters| !matches!(algorithm, AlgorithmParameters::OctetKey(_));
        let keys: Vec<_> = set
            .keys
            .iter()
            .filter(|key| is_public(&key.algorithm))
            .map(|key| {
                let id = key.common.key_id.clone();
                let decoding = DecodingKey::from_jwk(key)
                    .map_err(|error| format!("has the key {id:?}, which cannot be used: {error}"))?;
                Ok((id, decoding))
            })
            .collect::<Result<_, String>>()?;
        if keys.is_empty() { Err("holds no public key".to_owned()) } else { Ok(Self(keys)) }
    }

    /// The claims of a statement that one of the keys signed.
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

/// Whether a statement says that it is signed with a shared secret, as only this server's own are.
#[must_use]
pub(crate) fn is_own(statement: &str) -> bool {
    decode_header(statement).is_ok_and(|header| header.alg == Algorithm::HS256)
}

/// Whether a text is a JWT at all, genuine or not.
#[must_use]
pub(crate) fn is_jwt(text: &str) -> bool {
    decode_header(text).is_ok()
}
