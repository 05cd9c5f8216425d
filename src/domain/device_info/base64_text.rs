//! Base64 as devices send it, and what queries, forms and headers make of it on the way.

use std::sync::LazyLock;

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurposeConfig, Simd},
};

/// Reads without padding too, and with anything in the unused bits at the end: some home-made encoders leave rubbish there,
/// and it changes nothing. Writes the standard, padded form.
static LENIENT: LazyLock<Simd> = LazyLock::new(|| {
    Simd::standard(
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    )
});

/// The bytes that `text` stands for.
///
/// # Errors
/// The reason in English, where it isn't base64 even with everything forgiven.
pub fn decode(text: &str) -> Result<Vec<u8>, String> {
    let text = text.trim_ascii();
    // Nearly every text is proper base64: the mending below is paid for by those that aren't.
    if let Ok(bytes) = LENIENT.decode(text) {
        return Ok(bytes);
    }
    LENIENT.decode(mend(text)).map_err(|error| error.to_string())
}

/// The standard, padded form.
pub(super) fn encode(bytes: &[u8]) -> String {
    LENIENT.encode(bytes)
}

/// `text` in the standard alphabet, on one line, without padding.
fn mend(text: &str) -> Vec<u8> {
    let mut mended = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let (byte, taken) = match (first, tail) {
            (b'%', [b'2', b'b' | b'B', ..]) => (Some(b'+'), 3),
            (b'%', [b'2', b'f' | b'F', ..]) => (Some(b'/'), 3),
            (b'%', [b'3', b'd' | b'D', ..]) => (Some(b'='), 3),
            (b'-' | b' ', _) => (Some(b'+'), 1),
            (b'_', _) => (Some(b'/'), 1),
            // Android's encoder breaks the line every 76 characters unless told not to.
            (b'\r' | b'\n', _) => (None, 1),
            (other, _) => (Some(*other), 1),
        };
        mended.extend(byte);
        rest = &rest[taken..];
    }
    let unpadded = mended.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    mended.truncate(unpadded);
    mended
}
