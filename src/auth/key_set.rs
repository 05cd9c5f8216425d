//! The public keys of an issuer of JWTs, as a JWK Set (RFC 7517), and the tokens that they signed.

use std::collections::HashSet;

use jsonwebtoken::{
    Algorithm, DecodingKey, decode_header,
    jwk::{AlgorithmParameters, Jwk, PublicKeyUse},
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::signing_keys::signature_only;

/// What tokens may be signed with: never with nothing, nor with a secret that a verifier would know too (RFC 8725, section 3.1).
const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// How many keys a set may have: a token that does not name its key is tried with each.
const KEYS_MAX: usize = 64;

/// The keys of an issuer. Two sets are equal that were read from the same text.
#[derive(Debug, Clone)]
pub(crate) struct KeySet {
    keys: Vec<Key>,
    source: [u8; 32],
}

#[derive(Debug, Clone)]
struct Key {
    id: Option<String>,
    /// The one algorithm that it is for, where the set says so.
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

/// Why no key has verified a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unverified {
    /// The set has no key of the name that the token gives its own.
    KeyUnknown,
    /// It was not signed by the issuer, not in a way that is taken, or lacks a claim.
    Invalid,
}

/// What is looked at in a token. Times are seconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct TokenClaims {
    /// The issuer.
    pub iss: String,
    /// Whom the token is about.
    pub sub: String,
    /// For whom it is.
    #[serde(default)]
    pub aud: Audience,
    /// Until when it is good.
    pub exp: Option<f64>,
    /// From when on it is good.
    pub nbf: Option<f64>,
}

/// For whom a token is: one name, or several (RFC 7519, section 4.1.3).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Audience {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Default for Audience {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Audience {
    /// Whether the token is for this one.
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
    /// Reads a JWK Set. Keys of kinds that are not taken are left out.
    ///
    /// # Errors
    /// Where it is none, has one name for two keys, or no key that can be used.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let set: Set = serde_json::from_slice(text)
            .map_err(|error| format!("is no JWK Set, {{\"keys\": […]}} (RFC 7517): {error}"))?;
        if set.keys.len() > KEYS_MAX {
            return Err(format!("has {} keys; at most {KEYS_MAX} are taken", set.keys.len()));
        }
        let keys: Vec<Key> = set.keys.into_iter().filter_map(Key::read).collect();
        let mut ids = HashSet::new();
        if let Some(twice) = keys.iter().filter_map(|key| key.id.as_ref()).find(|id| !ids.insert(*id)) {
            return Err(format!("has two keys with the kid {twice:?}; each key needs a kid of its own"));
        }
        if keys.is_empty() {
            return Err(
                "holds no key that can be used: RSA, EC (P-256, P-384) or Ed25519, for signatures".to_owned()
            );
        }
        Ok(Self { keys, source: Sha256::digest(text).into() })
    }

    /// How many keys there are.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The claims of a token that one of the keys signed. What they say, times too, is for the caller to look at.
    ///
    /// # Errors
    /// Where none has.
    pub(crate) fn verify(&self, token: &str) -> Result<TokenClaims, Unverified> {
        let header = decode_header(token).map_err(|_| Unverified::Invalid)?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(Unverified::Invalid);
        }
        let named = |key: &&Key| header.kid.is_none() || key.id.is_none() || key.id == header.kid;
        let mut keys = self.keys.iter().filter(named).peekable();
        if keys.peek().is_none() {
            return Err(Unverified::KeyUnknown);
        }
        let fits = |key: &&Key| {
            key.algorithm.is_none_or(|algorithm| algorithm == header.alg)
                && key.key.family().algorithms().contains(&header.alg)
        };
        let validation = signature_only(header.alg);
        let verified = keys.filter(fits).find_map(|key| {
            jsonwebtoken::decode::<TokenClaims>(token, &key.key, &validation).ok().map(|token| token.claims)
        });
        verified.ok_or(Unverified::Invalid)
    }
}

impl Key {
    /// The key, where it is one of those that are taken.
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

/// The issuer that a token names. Nothing of it is proven.
#[must_use]
pub(crate) fn claimed_issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        iss: String,
    }
    jsonwebtoken::dangerous::insecure_decode::<Claims>(token).ok().map(|token| token.claims.iss)
}
