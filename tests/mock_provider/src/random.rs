//! Unguessable identifiers.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use uuid::Uuid;

/// Random bytes.
#[expect(clippy::disallowed_methods, reason = "every other module gets randomness from here")]
pub(crate) fn bytes<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).expect("the system provides randomness");
    bytes
}

/// A version 4 UUID.
pub(crate) fn uuid() -> Uuid {
    uuid::Builder::from_random_bytes(bytes()).into_uuid()
}

/// A secret that is valid in a header and in a URL.
pub(crate) fn secret() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes::<24>())
}
