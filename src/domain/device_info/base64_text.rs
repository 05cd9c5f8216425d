//! Base64 as devices send it, including the changes that queries, forms and headers make to it.

use std::sync::LazyLock;

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurposeConfig, Simd},
};

/// Decodes with or without padding, and ignores the unused bits at the end, which some custom encoders do not clear. Encodes
/// the standard, padded form.
static LENIENT: LazyLock<Simd> = LazyLock::new(|| {
    Simd::standard(
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    )
});

/// Decodes `text` leniently.
///
/// # Errors
/// The reason in English, if the text is not base64 even by lenient rules.
pub fn decode(text: &str) -> Result<Vec<u8>, String> {
    let text = text.trim_ascii();
    // Fast path: nearly every text is standard base64. Only others pay for the normalization below.
    if let Ok(bytes) = LENIENT.decode(text) {
        return Ok(bytes);
    }
    LENIENT.decode(canonical(text)).map_err(|error| error.to_string())
}

/// Encodes the standard, padded form.
pub(super) fn encode(bytes: &[u8]) -> String {
    LENIENT.encode(bytes)
}

/// Returns `text` in the standard alphabet, on one line, without padding.
fn canonical(text: &str) -> Vec<u8> {
    let mut canonical = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let (byte, taken) = match (first, tail) {
            (b'%', [b'2', b'b' | b'B', ..]) => (Some(b'+'), 3),
            (b'%', [b'2', b'f' | b'F', ..]) => (Some(b'/'), 3),
            (b'%', [b'3', b'd' | b'D', ..]) => (Some(b'='), 3),
            (b'-' | b' ', _) => (Some(b'+'), 1),
            (b'_', _) => (Some(b'/'), 1),
            // Android's encoder breaks the line every 76 characters by default.
            (b'\r' | b'\n', _) => (None, 1),
            (other, _) => (Some(*other), 1),
        };
        canonical.extend(byte);
        rest = &rest[taken..];
    }
    let unpadded = canonical.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    canonical.truncate(unpadded);
    canonical
}
