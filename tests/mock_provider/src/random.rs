//! Identifiers that nobody can guess.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use uuid::Uuid;

/// Random bytes.
#[expect(clippy::disallowed_methods, reason = "this is the randomness that the rest asks")]
pub(crate) fn bytes<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes
}

/// A version 4 UUID.
pub(crate) fn uuid() -> Uuid {
    uuid::Builder::from_random_bytes(bytes()).into_uuid()
}

/// A secret that can stand in a header and in a URL.
pub(crate) fn secret() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes::<24>())
}
