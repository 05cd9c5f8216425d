//! Encryption of secrets at rest with a key ring, which the operator keeps separate from the store.

use std::{collections::HashSet, fmt};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::{Engine, prelude::BASE64_STANDARD};

use crate::domain::{
    randomness::{Randomness, RandomnessUnavailable},
    secret::SecretText,
};

/// Tag of an unsealed value: the secret follows.
const PLAIN: u8 = 0;

/// Tag of a sealed value: the length of the key's id, the id, the nonce, and the secret sealed by AES-256-GCM (RFC 5116)
/// follow.
const SEALED: u8 = 1;

/// The length of a key in bytes.
const KEY_LENGTH: usize = 32;

/// The keys for sealing secrets. The first key seals, and every key opens. Without keys, secrets stay unsealed.
#[derive(Default)]
pub struct KeyRing {
    keys: Vec<(String, LessSafeKey)>,
}

/// The reason why a secret cannot be opened. The text is for the operator.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum SealError {
    /// The key is missing in the ring.
    #[error("sealed with the key {0:?}, which is not in the key ring; add that key to the ring")]
    KeyMissing(String),
    /// The ring has a key with the id, but it does not open the secret.
    #[error("sealed with a key other than {0:?} of the key ring, or damaged")]
    KeyWrong(String),
    /// The value does not have the format of a sealed secret.
    #[error("not in the format of a sealed secret")]
    Unreadable,
}

impl KeyRing {
    /// Parses a file with one key per line: an id, a colon, and base64 of 32 bytes. Ignores empty lines and lines that start
    /// with `#`.
    ///
    /// # Errors
    /// The invalid line and its problem. Never contains a key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut ids = HashSet::new();
        let lines = text.lines().map(str::trim).enumerate();
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let keys: Vec<_> = lines
            .map(|(index, line)| {
                let wrong = |what: &str| format!("line {}: {what}", index + 1);
                let (id, key) = line.split_once(':').ok_or_else(|| wrong("must be id:base64"))?;
                let is_id = (1..=usize::from(u8::MAX)).contains(&id.len());
                if !is_id || !ids.insert(id) {
                    return Err(wrong("must have an id of 1 to 255 bytes that no other line has"));
                }
                let key = BASE64_STANDARD
                    .decode(key.trim())
                    .map_err(|_| wrong("must have base64 after the colon"))?;
                if key.len() != KEY_LENGTH {
                    let text = format!("must have a key of {KEY_LENGTH} bytes, but has {}", key.len());
                    return Err(wrong(&text));
                }
                let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| wrong("must have a valid key"))?;
                Ok((id.to_owned(), LessSafeKey::new(key)))
            })
            .collect::<Result<_, _>>()?;
        if keys.is_empty() { Err("must contain a key".to_owned()) } else { Ok(Self { keys }) }
    }

    /// Creates a key, as a line of the key ring file.
    ///
    /// # Errors
    /// No randomness is available.
    pub fn new_line(id: &str, randomness: &dyn Randomness) -> Result<SecretText, RandomnessUnavailable> {
        let mut key = [0; KEY_LENGTH];
        randomness.fill(&mut key)?;
        Ok(format!("{id}:{}", BASE64_STANDARD.encode(key)).into())
    }

    /// Whether the ring has no keys, so that secrets are not sealed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns the id of the sealing key; empty if there is none.
    #[must_use]
    pub fn sealing_id(&self) -> &str {
        self.keys.first().map_or("", |(id, _)| id)
    }

    /// Seals a secret and binds it to `context`. It can only be opened with the same context.
    ///
    /// # Errors
    /// No randomness is available.
    pub fn seal(
        &self,
        secret: &[u8],
        context: &[u8],
        randomness: &dyn Randomness,
    ) -> Result<Vec<u8>, RandomnessUnavailable> {
        let Some((id, key)) = self.keys.first() else {
            return Ok([&[PLAIN], secret].concat());
        };
        let mut nonce = [0; NONCE_LEN];
        randomness.fill(&mut nonce)?;
        let mut body = secret.to_vec();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut body)
            .map_err(|_| RandomnessUnavailable("a secret could not be sealed".to_owned()))?;
        let length = u8::try_from(id.len()).unwrap_or_default();
        Ok([&[SEALED, length], id.as_bytes(), &nonce, &body].concat())
    }

    /// Opens a secret that was sealed for `context`.
    ///
    /// # Errors
    /// The key is missing or wrong, or the value is not sealed.
    pub fn open(&self, sealed: &[u8], context: &[u8]) -> Result<Vec<u8>, SealError> {
        match sealed {
            [PLAIN, secret @ ..] => Ok(secret.to_vec()),
            [SEALED, length, rest @ ..] => self.open_sealed(usize::from(*length), rest, context),
            _ => Err(SealError::Unreadable),
        }
    }

    fn open_sealed(&self, id_length: usize, rest: &[u8], context: &[u8]) -> Result<Vec<u8>, SealError> {
        let (id, rest) = rest.split_at_checked(id_length).ok_or(SealError::Unreadable)?;
        let id = std::str::from_utf8(id).map_err(|_| SealError::Unreadable)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(SealError::Unreadable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Unreadable)?;
        let key = self.keys.iter().find(|(known, _)| known == id).map(|(_, key)| key);
        let key = key.ok_or_else(|| SealError::KeyMissing(id.to_owned()))?;
        let mut body = body.to_vec();
        let secret = key.open_in_place(nonce, Aad::from(context), &mut body);
        secret.map(|secret| secret.to_vec()).map_err(|_| SealError::KeyWrong(id.to_owned()))
    }

    /// Whether this ring opens secrets that `other` seals.
    ///
    /// # Errors
    /// No randomness is available.
    pub(super) fn opens_what_is_sealed_by(
        &self,
        other: &Self,
        randomness: &dyn Randomness,
    ) -> Result<bool, RandomnessUnavailable> {
        const PROBE: &[u8] = b"probe";
        Ok(self.open(&other.seal(PROBE, PROBE, randomness)?, PROBE).is_ok())
    }

    /// Returns the id of the key with which a value is sealed; `None` for an unsealed value.
    pub(super) fn key_id(sealed: &[u8]) -> Option<&[u8]> {
        match sealed {
            [SEALED, length, rest @ ..] => rest.get(..usize::from(*length)),
            _ => None,
        }
    }

    /// Whether a value is sealed with the ring's current sealing key, or the ring has none.
    #[must_use]
    pub fn is_present(&self, sealed: &[u8]) -> bool {
        self.keys.first().is_none_or(|(id, _)| Self::key_id(sealed) == Some(id.as_bytes()))
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.keys.iter().map(|(id, _)| id);
        formatter.debug_list().entries(ids).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::randomness::OsRandomness, format::golden};

    fn ring(lines: &[(&str, u8)]) -> KeyRing {
        let line =
            |(id, byte): &(&str, u8)| format!("{id}:{}\n", BASE64_STANDARD.encode([*byte; KEY_LENGTH]));
        KeyRing::parse(&lines.iter().map(line).collect::<String>()).expect("valid")
    }

    #[test]
    fn a_ring_opens_secrets_of_its_other_keys_and_finds_them_outdated() {
        let (old, new) = (ring(&[("one", 1)]), ring(&[("two", 2), ("one", 1)]));
        let sealed = old.seal(b"secret", b"place", &OsRandomness).expect("seals");
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        assert_eq!(new.open(&sealed, b"place"), Ok(b"secret".to_vec()));
        assert!(old.is_present(&sealed) && !new.is_present(&sealed));
        assert_eq!(old.open(&sealed, b"another place"), Err(SealError::KeyWrong("one".to_owned())));
        assert_eq!(ring(&[("one", 9)]).open(&sealed, b"place"), Err(SealError::KeyWrong("one".to_owned())));
        assert_eq!(ring(&[("two", 2)]).open(&sealed, b"place"), Err(SealError::KeyMissing("one".to_owned())));
        assert_eq!(KeyRing::default().open(&sealed, b"place"), Err(SealError::KeyMissing("one".to_owned())));
        for end in 0..sealed.len() {
            assert!(old.open(&sealed[..end], b"place").is_err(), "cut at {end}");
        }
    }

    #[test]
    fn without_a_ring_secrets_stay_unsealed_and_a_later_ring_opens_them() {
        let none = KeyRing::default();
        let plain = none.seal(b"secret", b"place", &OsRandomness).expect("seals");
        let ring = ring(&[("one", 1)]);
        assert_eq!(ring.open(&plain, b"place"), Ok(b"secret".to_vec()));
        assert!(none.is_present(&plain) && !ring.is_present(&plain));
    }

    #[test]
    fn an_invalid_file_is_refused_with_its_line_and_without_its_keys() {
        for (text, expected) in [
            ("", "must contain a key"),
            ("# nothing\n\n", "must contain a key"),
            ("one", "line 1: must be id:base64"),
            ("\none:c2hvcnQ=", "line 2: must have a key of 32 bytes, but has 5"),
            ("one:?secret?", "line 1: must have base64 after the colon"),
        ] {
            assert_eq!(KeyRing::parse(text).expect_err("refused"), expected);
        }
    }

    #[test]
    fn the_sealed_formats_are_pinned() {
        #[derive(Debug)]
        struct Zeros;
        impl Randomness for Zeros {
            fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomnessUnavailable> {
                bytes.fill(0);
                Ok(())
            }
        }
        let (ring, secret) = (ring(&[("one", 1)]), b"secret".to_vec());
        let plain = KeyRing::default().seal(&secret, b"place", &Zeros).expect("seals");
        let sealed = ring.seal(&secret, b"place", &Zeros).expect("seals");
        for (name, bytes) in [("unsealed", plain), ("sealed", sealed)] {
            golden::check(name, 1, &bytes, |bytes| ring.open(bytes, b"place"), &secret);
        }
    }
}
