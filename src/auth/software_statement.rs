//! Software statements that others sign, verified by the public keys that the operator configured.

use jsonwebtoken::{Algorithm, DecodingKey, decode_header};
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
    /// When it was signed.
    #[serde(default)]
    pub iat: f64,
    /// From when on it may be used.
    pub nbf: Option<f64>,
    /// Until when it may be used.
    pub exp: Option<f64>,
}

/// Whether a statement says that it is signed with a shared secret, as only this server's own are. A text that is no
/// JWT says nothing.
#[must_use]
pub fn is_own(statement: &str) -> bool {
    matches!(algorithm(statement), Some(Algorithm::HS256))
}

/// The claims of a statement that one of `keys` signed.
pub fn verify<'a>(
    statement: &str,
    keys: impl Iterator<Item = (Option<&'a str>, &'a DecodingKey)>,
) -> Option<ForeignStatement> {
    let header = decode_header(statement).ok()?;
    let fits = |id: Option<&str>, key: &DecodingKey| {
        key.family().algorithms().contains(&header.alg)
            && (header.kid.is_none() || id.is_none() || header.kid.as_deref() == id)
    };
    keys.filter(|(id, key)| fits(*id, key)).find_map(|(_, key)| {
        jsonwebtoken::decode(statement, key, &signature_only(header.alg)).ok().map(|token| token.claims)
    })
}

fn algorithm(statement: &str) -> Option<Algorithm> {
    decode_header(statement).ok().map(|header| header.alg)
}
