//! Fuzz targets for credentials of callers, and for the keys that verify them.

use std::sync::LazyLock;

use aws_lc_rs::{
    hmac,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};

use super::{FuzzTarget, split};
use crate::{
    auth::{
        SignedRequest, StatementKeys,
        key_set::{self, KeySet},
        software_statement,
    },
    domain::clock::Timestamp,
    service::signed_request::check_time,
};

pub(super) const TARGETS: &[FuzzTarget] =
    &[("legacy_authorization", legacy_authorization), ("jwt", jwt), ("jwks", jwks)];

static PAIR: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key pair"));

/// The key set of an issuer with that key pair.
static ISSUER: LazyLock<String> = LazyLock::new(|| {
    let public = BASE64_URL_SAFE_NO_PAD.encode(PAIR.public_key().as_ref());
    format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"one","use":"sig","x":"{public}"}}]}}"#)
});

fn legacy_authorization(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Some(request) = SignedRequest::parse(&text) {
        let SignedRequest { method, requestor_id, nonce, request_time, public_key, .. } = request;
        let parts = [method, requestor_id, nonce, request_time, public_key];
        assert!(parts.iter().map(|part| part.len()).sum::<usize>() <= text.len());
        assert!(!request.is_signed_with("an unknown key"), "verified without a signature");
        let _ = check_time(Timestamp::from_millis(1_700_000_000_000), request_time);
    }
    // The same text with a valid signature, which a fuzzer cannot guess.
    let signed = text.trim_end();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"secret");
    let signature = BASE64_STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
    let header = format!("{signed}, public_key=pk, signature={signature}");
    if let Some(request) = SignedRequest::parse(&header) {
        assert_eq!(request.public_key, "pk");
        assert!(request.is_signed_with("secret") && !request.is_signed_with("another"));
    }
}

/// A token as it is, and one with this header and these claims that an issuer has signed.
fn jwt(input: &[u8]) {
    let keys = KeySet::parse(ISSUER.as_bytes()).expect("a key set");
    let statement_keys = StatementKeys::parse(&ISSUER).expect("a key set");
    let (header, claims) = split(input);
    let [header, claims] = [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
    let message = format!("{header}.{claims}");
    let signature = BASE64_URL_SAFE_NO_PAD.encode(PAIR.sign(message.as_bytes()));
    for token in [String::from_utf8_lossy(input).into_owned(), format!("{message}.{signature}")] {
        let issuer = key_set::claimed_issuer(&token);
        let is_jwt = software_statement::is_jwt(&token);
        if let Ok(claims) = keys.verify(&token) {
            assert_eq!(
                issuer.as_ref(),
                Some(&claims.iss),
                "the verified issuer differs from the claimed one"
            );
        }
        if statement_keys.verify(&token).is_some() {
            assert!(is_jwt && !software_statement::is_own(&token));
        }
    }
}

/// No key set accepts an unsigned token.
fn jwks(input: &[u8]) {
    if let Ok(keys) = KeySet::parse(input) {
        assert!((1..=64).contains(&keys.len()));
        for algorithm in ["none", "HS256", "RS256", "PS256", "ES256", "ES384", "EdDSA"] {
            let header = BASE64_URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{algorithm}"}}"#));
            let claims = BASE64_URL_SAFE_NO_PAD.encode(r#"{"iss":"i","sub":"s"}"#);
            let signature = BASE64_URL_SAFE_NO_PAD.encode([1; 64]);
            assert!(keys.verify(&format!("{header}.{claims}.{signature}")).is_err(), "{algorithm}");
            assert!(keys.verify(&format!("{header}.{claims}.")).is_err(), "{algorithm}");
        }
    }
    if let Ok(text) = std::str::from_utf8(input) {
        let _ = StatementKeys::parse(text);
    }
}
