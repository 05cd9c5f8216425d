//! Compressed request bodies (RFC 9110, section 8.4). Only gzip is supported.

use std::io::Read;

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use http::{HeaderMap, header::CONTENT_ENCODING};

use super::failure::Failure;

/// Reports whether the body is compressed.
///
/// # Errors
/// The body has another coding than gzip, or several codings.
pub(super) fn is_gzip(headers: &HeaderMap) -> Result<bool, Failure> {
    let lines = headers.get_all(CONTENT_ENCODING).iter();
    let mut codings =
        lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    let mut is_compressed = false;
    codings.try_for_each(|coding| {
        let is_gzip = [&b"gzip"[..], b"x-gzip"].iter().any(|name| coding.eq_ignore_ascii_case(name));
        if is_gzip && !is_compressed {
            is_compressed = true;
            return Ok(());
        }
        let is_none = coding.is_empty() || coding.eq_ignore_ascii_case(b"identity");
        if is_none { Ok(()) } else { Err(Failure::UnsupportedEncoding) }
    })?;
    Ok(is_compressed)
}

/// Decompresses a body of at most `limit` decompressed bytes.
pub(super) fn decompress(compressed: &[u8], limit: usize) -> Result<Bytes, Failure> {
    let mut body = Vec::new();
    // One byte more, to detect a body that exceeds the limit.
    let most = (limit as u64).saturating_add(1);
    match MultiGzDecoder::new(compressed).take(most).read_to_end(&mut body) {
        Ok(length) if length > limit => Err(Failure::BodyTooLarge(limit)),
        Ok(_) => Ok(body.into()),
        Err(_) => Err(Failure::BodyNotGzip),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn compressed(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body).expect("compresses");
        encoder.finish().expect("compresses")
    }

    #[test]
    fn decompression_stops_at_the_limit() {
        let zeros = vec![0; 1_000];
        assert_eq!(decompress(&compressed(&zeros), 1_000).ok().as_deref(), Some(&zeros[..]));
        assert!(matches!(decompress(&compressed(&zeros), 999), Err(Failure::BodyTooLarge(999))));
        assert!(matches!(
            decompress(&compressed(&vec![0; 100_000_000]), 999),
            Err(Failure::BodyTooLarge(999))
        ));
    }

    #[test]
    fn a_body_that_is_not_gzip_or_is_truncated_is_rejected() {
        let whole = compressed(b"a=1");
        for body in [&b"a=1"[..], &whole[..whole.len() - 1], b"\x1f\x8b"] {
            assert!(matches!(decompress(body, 100), Err(Failure::BodyNotGzip)), "{body:?}");
        }
    }

    #[test]
    fn gzip_is_the_only_coding() {
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_ENCODING, value.parse().expect("a value"));
            is_gzip(&headers).ok()
        };
        assert_eq!(is_gzip(&HeaderMap::new()).ok(), Some(false));
        for (value, expected) in [
            ("gzip", Some(true)),
            ("GZip", Some(true)),
            ("x-gzip", Some(true)),
            ("identity, gzip", Some(true)),
            ("identity", Some(false)),
            ("", Some(false)),
            ("br", None),
            ("gzip, gzip", None),
            ("deflate, gzip", None),
        ] {
            assert_eq!(of(value), expected, "{value}");
        }
    }
}
