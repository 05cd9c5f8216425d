//! Bodies that come compressed (RFC 9110, section 8.4): gzip, and no other coding.

use std::io::Read;

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use http::{HeaderMap, header::CONTENT_ENCODING};

use super::failure::Failure;

/// Whether the body is packed.
///
/// # Errors
/// Where it is by another coding than gzip, or by several.
pub(super) fn is_gzip(headers: &HeaderMap) -> Result<bool, Failure> {
    let lines = headers.get_all(CONTENT_ENCODING).iter();
    let mut codings =
        lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    let mut is_packed = false;
    codings.try_for_each(|coding| {
        let is_gzip = [&b"gzip"[..], b"x-gzip"].iter().any(|name| coding.eq_ignore_ascii_case(name));
        if is_gzip && !is_packed {
            is_packed = true;
            return Ok(());
        }
        let is_none = coding.is_empty() || coding.eq_ignore_ascii_case(b"identity");
        if is_none { Ok(()) } else { Err(Failure::UnsupportedEncoding) }
    })?;
    Ok(is_packed)
}

/// The body unpacked, where that has at most `limit` bytes.
pub(super) fn unpack(packed: &[u8], limit: usize) -> Result<Bytes, Failure> {
    let mut body = Vec::new();
    // One more, to tell a body that just fits from a larger one.
    let most = (limit as u64).saturating_add(1);
    match MultiGzDecoder::new(packed).take(most).read_to_end(&mut body) {
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

    fn packed(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body).expect("packs");
        encoder.finish().expect("packs")
    }

    #[test]
    fn a_body_is_unpacked_up_to_its_limit_and_not_beyond() {
        let zeros = vec![0; 1_000];
        assert_eq!(unpack(&packed(&zeros), 1_000).ok().as_deref(), Some(&zeros[..]));
        assert!(matches!(unpack(&packed(&zeros), 999), Err(Failure::BodyTooLarge(999))));
        assert!(matches!(unpack(&packed(&vec![0; 100_000_000]), 999), Err(Failure::BodyTooLarge(999))));
    }

    #[test]
    fn what_is_no_gzip_or_broke_off_is_told_to_be_none() {
        let whole = packed(b"a=1");
        for body in [&b"a=1"[..], &whole[..whole.len() - 1], b"\x1f\x8b"] {
            assert!(matches!(unpack(body, 100), Err(Failure::BodyNotGzip)), "{body:?}");
        }
    }

    #[test]
    fn gzip_is_the_one_coding() {
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
