//! The public keys of a JWT issuer (JWK Set, RFC 7517), and verification of its tokens.

use std::collections::HashSet;

use jsonwebtoken::{
    Algorithm, DecodingKey, decode_header,
    jwk::{AlgorithmParameters, Jwk, PublicKeyUse},
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::signing_keys::signature_only;

/// The accepted signature algorithms. `none` and shared-secret algorithms are never accepted (RFC 8725, section 3.1).
const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// The maximum number of keys in a set. A token without a `kid` is verified with each of them.
const KEYS_MAX: usize = 64;

/// The keys of an issuer. Two sets are equal if they were parsed from the same text.
#[derive(Debug, Clone)]
pub(crate) struct KeySet {
    keys: Vec<VerificationKey>,
    source: [u8; 32],
}

#[derive(Debug, Clone)]
struct VerificationKey {
    id: Option<String>,
    /// The only algorithm of the key, if the set names one.
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

/// The reason why a token could not be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VerificationError {
    /// The set has no key with the token's `kid`.
    KeyUnknown,
    /// The signature is not valid, its algorithm is not accepted, or a claim is missing.
    Invalid,
}

/// The claims that passbridge reads from a token. Times are seconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct TokenClaims {
    /// The issuer.
    pub iss: String,
    /// The subject.
    pub sub: String,
    /// The audience.
    #[serde(default)]
    pub aud: Audience,
    /// The expiry.
    pub exp: Option<f64>,
    /// The start of validity.
    pub nbf: Option<f64>,
}

/// The audience of a token: one name, or several (RFC 7519, section 4.1.3).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Audience {
    /// One name.
    One(String),
    /// A list of names.
    Several(Vec<String>),
}

impl Default for Audience {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Audience {
    /// Whether `name` is in the audience.
    #[must_use]
    pub(crate) fn contains(&self, name: &str) -> bool {
        match self {
            Self::One(audience) => audience == name,
            Self::Several(audiences) => audiences.iter().any(|audience| audience == name),
        }
    }
}

impl PartialEq for KeySet {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl KeySet {
    /// Parses a JWK Set. Skips keys of kinds that are not accepted.
    ///
    /// # Errors
    /// The text is not a JWK Set, two keys have the same `kid`, or no key can be used.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let set: Set = serde_json::from_slice(text)
            .map_err(|error| format!("is not a JWK Set, {{\"keys\": […]}} (RFC 7517): {error}"))?;
        if set.keys.len() > KEYS_MAX {
            return Err(format!("has {} keys; at most {KEYS_MAX} are allowed", set.keys.len()));
        }
        let keys: Vec<VerificationKey> = set.keys.into_iter().filter_map(VerificationKey::read).collect();
        let mut ids = HashSet::new();
        if let Some(twice) = keys.iter().filter_map(|key| key.id.as_ref()).find(|id| !ids.insert(*id)) {
            return Err(format!("has two keys with the kid {twice:?}; each key must have a unique kid"));
        }
        if keys.is_empty() {
            return Err("has no usable key: RSA, EC (P-256, P-384) or Ed25519, for signatures".to_owned());
        }
        Ok(Self { keys, source: Sha256::digest(text).into() })
    }

    /// Returns the number of keys.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Verifies the signature of a token and returns its claims. The caller must check the claims, including the times.
    ///
    /// # Errors
    /// No key verifies the signature.
    pub(crate) fn verify(&self, token: &str) -> Result<TokenClaims, VerificationError> {
        let header = decode_header(token).map_err(|_| VerificationError::Invalid)?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(VerificationError::Invalid);
        }
        let named = |key: &&VerificationKey| header.kid.is_none() || key.id.is_none() || key.id == header.kid;
        let mut keys = self.keys.iter().filter(named).peekable();
        if keys.peek().is_none() {
            return Err(VerificationError::KeyUnknown);
        }
        let fits = |key: &&VerificationKey| {
            key.algorithm.is_none_or(|algorithm| algorithm == header.alg)
                && key.key.family().algorithms().contains(&header.alg)
        };
        let validation = signature_only(header.alg);
        let verified = keys.filter(fits).find_map(|key| {
            jsonwebtoken::decode::<TokenClaims>(token, &key.key, &validation).ok().map(|token| token.claims)
        });
        verified.ok_or(VerificationError::Invalid)
    }
}

impl VerificationKey {
    /// Parses a key. `None` if its kind is not accepted.
    fn read(value: serde_json::Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let is_for_signatures =
            jwk.common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
        let is_public = !matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_));
        if !is_for_signatures || !is_public {
            return None;
        }
        let algorithm = match jwk.common.key_algorithm {
            Some(said) => Some(Algorithm::try_from(said).ok().filter(|said| ALGORITHMS.contains(said))?),
            None => None,
        };
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self { id: jwk.common.key_id, algorithm, key })
    }
}

/// Returns the issuer that a token claims, unverified.
#[must_use]
pub(crate) fn claimed_issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        iss: String,
    }
    jsonwebtoken::dangerous::insecure_decode::<Claims>(token).ok().map(|token| token.claims.iss)
}
