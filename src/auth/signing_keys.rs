//! The signing keys of this server. Each is derived from one master key for one purpose, so that a signature for one purpose
//! is never valid for another.

use std::fmt;

use aws_lc_rs::{constant_time, hmac};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Serialize, de::DeserializeOwned};

/// The length of the master key in bytes.
pub(crate) const MASTER_KEY_LENGTH: usize = 32;

/// The purpose of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A software statement (RFC 7591, section 2.3).
    SoftwareStatement,
    /// A client id.
    ClientId,
    /// An access token.
    AccessToken,
}

impl Purpose {
    const ALL: [Self; 3] = [Self::SoftwareStatement, Self::ClientId, Self::AccessToken];

    /// Returns the key derivation label. It must never change, because existing signatures would become invalid.
    const fn label(self) -> &'static [u8] {
        match self {
            Self::SoftwareStatement => b"passbridge software statement",
            Self::ClientId => b"passbridge client id",
            Self::AccessToken => b"passbridge access token",
        }
    }

    /// Returns the header's `typ` (RFC 8725, section 3.11), which includes the version of the claims' format.
    const fn type_and_version(self) -> &'static str {
        match self {
            Self::SoftwareStatement => "st.v1+jwt",
            Self::ClientId => "ci.v1+jwt",
            Self::AccessToken => "at.v1+jwt",
        }
    }
}

const CLIENT_SECRET_LABEL: &[u8] = b"passbridge client secret";

/// The keys of one installation. `Debug` does not show them.
pub struct SigningKeys {
    pairs: [(EncodingKey, DecodingKey); Purpose::ALL.len()],
    client_secret: hmac::Key,
    validation: Validation,
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKeys")
    }
}

impl SigningKeys {
    /// Derives the keys from a master key.
    #[must_use]
    pub fn derive(master: &[u8; MASTER_KEY_LENGTH]) -> Self {
        let master = hmac::Key::new(hmac::HMAC_SHA256, master);
        let pairs = Purpose::ALL.map(|purpose| {
            let key = hmac::sign(&master, purpose.label());
            (EncodingKey::from_secret(key.as_ref()), DecodingKey::from_secret(key.as_ref()))
        });
        let client_secret = hmac::sign(&master, CLIENT_SECRET_LABEL);
        let client_secret = hmac::Key::new(hmac::HMAC_SHA256, client_secret.as_ref());
        Self { pairs, client_secret, validation: signature_only(Algorithm::HS256) }
    }

    /// Signs claims as a JWT (RFC 7519).
    ///
    /// # Errors
    /// The claims cannot be serialized as JSON.
    pub fn sign(
        &self,
        purpose: Purpose,
        claims: &impl Serialize,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let header =
            Header { typ: Some(purpose.type_and_version().to_owned()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, claims, &self.pairs[purpose as usize].0)
    }

    /// Verifies a JWT that was signed for this purpose, and returns its claims. The caller must check the claims, including the
    /// times.
    #[must_use]
    pub fn verify<T: DeserializeOwned>(&self, purpose: Purpose, token: &str) -> Option<T> {
        let verified =
            jsonwebtoken::decode::<T>(token, &self.pairs[purpose as usize].1, &self.validation).ok()?;
        let is_known = verified.header.typ.as_deref() == Some(purpose.type_and_version());
        is_known.then_some(verified.claims)
    }

    /// Derives the secret of a client id. Client secrets are not stored.
    #[must_use]
    pub fn client_secret(&self, client_id: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&self.client_secret, client_id.as_bytes()))
    }

    /// Whether `secret` is the secret of the client id. Compares in constant time.
    #[must_use]
    pub fn is_client_secret(&self, client_id: &str, secret: &str) -> bool {
        constant_time::verify_slices_are_equal(self.client_secret(client_id).as_bytes(), secret.as_bytes())
            .is_ok()
    }
}

/// Returns a validation of the signature only. The caller compares times with the injected clock.
pub(super) fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::format::golden;

    #[test]
    fn signatures_of_other_purposes_or_keys_are_refused() {
        let keys = SigningKeys::derive(&[1; MASTER_KEY_LENGTH]);
        let token = keys.sign(Purpose::AccessToken, &json!({"jti": "x"})).expect("signs");
        assert_eq!(keys.verify::<Value>(Purpose::AccessToken, &token), Some(json!({"jti": "x"})));
        assert_eq!(keys.verify::<Value>(Purpose::ClientId, &token), None);
        let other = SigningKeys::derive(&[2; MASTER_KEY_LENGTH]);
        assert_eq!(other.verify::<Value>(Purpose::AccessToken, &token), None);
        for end in 0..token.len() {
            assert_eq!(keys.verify::<Value>(Purpose::AccessToken, &token[..end]), None, "cut at {end}");
        }
    }

    #[test]
    fn unsigned_tokens_are_refused() {
        let keys = SigningKeys::derive(&[1; MASTER_KEY_LENGTH]);
        for header in [r#"{"typ":"JWT","alg":"none"}"#, r#"{"alg":"HS256"}"#, r#"{"alg":"RS256"}"#] {
            let [header, claims] = [header, "{}"].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
            assert_eq!(keys.verify::<Value>(Purpose::AccessToken, &format!("{header}.{claims}.")), None);
        }
    }

    #[test]
    fn a_client_secret_belongs_to_its_client_id_only() {
        let keys = SigningKeys::derive(&[1; MASTER_KEY_LENGTH]);
        let secret = keys.client_secret("client");
        assert!(keys.is_client_secret("client", &secret));
        assert!(!keys.is_client_secret("another", &secret));
        assert!(!keys.is_client_secret("client", &secret[1..]));
    }

    #[test]
    fn the_signed_formats_are_pinned() {
        let keys = SigningKeys::derive(&[1; MASTER_KEY_LENGTH]);
        let claims = json!({"jti": "x"});
        for (purpose, name) in [
            (Purpose::SoftwareStatement, "signed_statement"),
            (Purpose::ClientId, "signed_client_id"),
            (Purpose::AccessToken, "signed_access_token"),
        ] {
            let token = keys.sign(purpose, &claims).expect("signs");
            let verify = |bytes: &[u8]| {
                let token = std::str::from_utf8(bytes).expect("text");
                keys.verify::<Value>(purpose, token).ok_or("refused")
            };
            golden::check(name, 1, token.as_bytes(), verify, &claims);
        }
        let secret = keys.client_secret("client");
        let is_right = |bytes: &[u8]| match std::str::from_utf8(bytes) {
            Ok(secret) => Ok(keys.is_client_secret("client", secret)),
            Err(_) => Err("no text"),
        };
        golden::check("client_secret", 1, secret.as_bytes(), is_right, &true);
    }

    #[test]
    fn claims_of_another_version_are_refused() {
        let keys = SigningKeys::derive(&[1; MASTER_KEY_LENGTH]);
        let header = Header { typ: Some("at.v2+jwt".to_owned()), ..Header::new(Algorithm::HS256) };
        let key = &keys.pairs[Purpose::AccessToken as usize].0;
        let token = jsonwebtoken::encode(&header, &json!({"jti": "x"}), key).expect("signs");
        assert_eq!(keys.verify::<Value>(Purpose::AccessToken, &token), None);
    }
}
