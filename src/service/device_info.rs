//! Hashes an identifier into a generic key.

use sha2::{Digest, Sha256, Sha512};

/// How an identifier is hashed into a generic key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum HashAlgorithm {
    /// SHA-256, 64 hex digits.
    #[default]
    Sha256,
    /// SHA-512, 128 hex digits.
    Sha512,
}

impl HashAlgorithm {
    /// The digest of the bytes as given, in lowercase hex. Nothing is trimmed or case-folded, because every system that
    /// hashes the identifier must get the same digest.
    #[must_use]
    pub(crate) fn hex_digest(self, value: &[u8]) -> String {
        match self {
            Self::Sha256 => hex(&Sha256::digest(value)),
            Self::Sha512 => hex(&Sha512::digest(value)),
        }
    }
}

/// Lowercase hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|nibble| char::from(DIGITS[usize::from(nibble)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_example_matches() {
        assert_eq!(
            HashAlgorithm::default().hex_digest(b"user@domain.com"),
            "f7ee5ec7312165148b69fcca1d29075b14b8aef0b5048a332b18b88d09069fb7"
        );
    }

    #[test]
    fn sha512_has_128_digits_and_takes_the_bytes_as_given() {
        let digest = HashAlgorithm::Sha512.hex_digest(b"User@domain.com");
        assert_eq!(digest.len(), 128);
        assert_ne!(digest, HashAlgorithm::Sha512.hex_digest(b"user@domain.com"));
    }
}
