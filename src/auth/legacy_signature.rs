//! Signed requests, the authentication that preceded dynamic client registration (reference, section 5):
//!
//! ```text
//! POST requestor_id=…, nonce=…, signature_method=HMAC-SHA1, request_time=…, request_uri=…, public_key=…, signature=…
//! ```
//!
//! The signature is base64 of HMAC-SHA1 over the text before `, public_key=`, exactly as received. The request URI in it is
//! not compared with that of the request, because clients in the field send URIs that they do not call.

use std::fmt;

use aws_lc_rs::hmac;
use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// The only signature method.
const SIGNATURE_METHOD: &str = "HMAC-SHA1";

/// The maximum length of a nonce, in bytes.
const NONCE_MAX: usize = 128;

/// Base64 with optional padding. Common JavaScript implementations omit it.
const LENIENT_BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The content of a signed `Authorization` header, unverified until [`SignedRequest::is_signed_with`].
#[derive(Clone, PartialEq, Eq)]
pub struct SignedRequest<'a> {
    /// The HTTP method at the start of the header.
    pub method: &'a str,
    /// The requestor of the request.
    pub requestor_id: &'a str,
    /// The nonce, unique for each request.
    pub nonce: &'a str,
    /// When the request was signed; should be milliseconds since the Unix epoch.
    pub request_time: &'a str,
    /// The public key, which names the key pair.
    pub public_key: &'a str,
    signature: &'a str,
    signed: &'a str,
}

impl fmt::Debug for SignedRequest<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, requestor_id, public_key, .. } = self;
        let mut shown = formatter.debug_struct("SignedRequest");
        shown.field("method", method).field("requestor_id", requestor_id).field("public_key", public_key);
        shown.finish_non_exhaustive()
    }
}

impl<'a> SignedRequest<'a> {
    /// Parses a header. `None` if it does not have this form, or a field is missing or repeated.
    #[must_use]
    pub fn parse(header: &'a str) -> Option<Self> {
        // Parse from the end: a request URI may contain anything.
        let (signed, rest) = header.rsplit_once("public_key=")?;
        let signed = signed.trim_end().strip_suffix(',')?.trim_end();
        let (method, pairs) = signed.split_once(' ')?;
        let (public_key, signature) = rest.split_once(',')?;
        let signature = signature.trim().strip_prefix("signature=")?;
        let field = |name: &str| {
            let mut values = pairs
                .split(',')
                .filter_map(|pair| pair.trim().split_once('='))
                .filter_map(|(key, value)| (key == name).then_some(value));
            values.next().filter(|_| values.next().is_none())
        };
        let nonce = field("nonce").filter(|nonce| (1..=NONCE_MAX).contains(&nonce.len()))?;
        field("signature_method").filter(|method| *method == SIGNATURE_METHOD)?;
        Some(Self {
            method,
            requestor_id: field("requestor_id")?,
            nonce,
            request_time: field("request_time")?,
            public_key: public_key.trim(),
            signature,
            signed,
        })
    }

    /// Whether the header is signed with this secret key.
    #[must_use]
    pub fn is_signed_with(&self, secret_key: &str) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret_key.as_bytes());
        LENIENT_BASE64
            .decode(self.signature)
            .is_ok_and(|signature| hmac::verify(&key, self.signed.as_bytes(), &signature).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    const SIGNED: &str = "POST requestor_id=REF, nonce=n-1, signature_method=HMAC-SHA1, \
                          request_time=1700000000123, request_uri=/regcode";

    fn header(secret: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
        let signature = BASE64_STANDARD.encode(hmac::sign(&key, SIGNED.as_bytes()));
        format!("{SIGNED}, public_key=pk, signature={signature}")
    }

    #[test]
    fn the_signature_is_verified_over_the_received_text() {
        let header = header("secret");
        let request = SignedRequest::parse(&header).expect("readable");
        assert_eq!((request.method, request.requestor_id, request.nonce), ("POST", "REF", "n-1"));
        assert_eq!((request.request_time, request.public_key), ("1700000000123", "pk"));
        assert!(request.is_signed_with("secret"));
        assert!(!request.is_signed_with("another"));

        let changed = header.replace("REF", "OTHER");
        assert!(!SignedRequest::parse(&changed).expect("readable").is_signed_with("secret"));
    }

    #[test]
    fn request_uris_may_contain_anything_and_padding_is_optional() {
        let text = SIGNED.replace("/regcode", "/a?public_key=b, public_key=c");
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"secret");
        let signature = BASE64_STANDARD.encode(hmac::sign(&key, text.as_bytes()));
        let header = format!("{text}, public_key=pk, signature={}", signature.trim_end_matches('='));
        let request = SignedRequest::parse(&header).expect("readable");
        assert_eq!(request.public_key, "pk");
        assert!(request.is_signed_with("secret"));
    }

    #[test]
    fn hmac_sha1_matches_rfc_2202() {
        // Test case 2 of RFC 2202, section 3.
        let request = SignedRequest {
            method: "",
            requestor_id: "",
            nonce: "",
            request_time: "",
            public_key: "",
            signature: "7/zfauXrL6LSdBbV8YTfnCWafHk=",
            signed: "what do ya want for nothing?",
        };
        assert!(request.is_signed_with("Jefe"));
    }

    #[test]
    fn headers_with_missing_or_repeated_fields_are_refused() {
        let whole = header("secret");
        assert_eq!(SignedRequest::parse(&whole.replace("nonce=n-1, ", "")), None);
        assert_eq!(SignedRequest::parse(&whole.replace("nonce=n-1", "nonce=n-1, nonce=n-2")), None);
        assert_eq!(SignedRequest::parse(&whole.replace("HMAC-SHA1", "none")), None);
        for end in 0..whole.find("signature=").expect("is there") {
            assert_eq!(SignedRequest::parse(&whole[..end]), None, "cut at {end}");
        }
    }
}
