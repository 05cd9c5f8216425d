//! Signed requests, the method before registration.

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_STANDARD};

pub const PUBLIC_KEY: &str = "public-key";
pub const SECRET_KEY: &str = "secret-key";

/// A signed `Authorization` header. Its method and path may differ from those of the call.
pub fn signed(method: &str, request_uri: &str, nonce: &str, time: u64) -> String {
    let text = format!(
        "{method} requestor_id=REF, nonce={nonce}, signature_method=HMAC-SHA1, request_time={time}, \
         request_uri={request_uri}"
    );
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, SECRET_KEY.as_bytes());
    let signature = BASE64_STANDARD.encode(hmac::sign(&key, text.as_bytes()));
    format!("{text}, public_key={PUBLIC_KEY}, signature={signature}")
}
