//! The holders of trials, as stores identify them.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::GenericKey;
use crate::domain::id::DeviceId;

/// The first 128 bits of the SHA-256 of a device id or a generic key. Stores do not keep their text with trials, because it
/// is long and personal data. All stores use the same digest, so that trials can be copied between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HolderDigest([u8; HolderDigest::LENGTH]);

impl HolderDigest {
    /// The length in bytes.
    pub const LENGTH: usize = 16;

    /// Returns the digest of a device id.
    #[must_use]
    pub fn of_device(device_id: &DeviceId) -> Self {
        Self::of(device_id.as_str())
    }

    /// Returns the digest of a generic key.
    #[must_use]
    pub fn of_key(generic_key: &GenericKey) -> Self {
        Self::of(generic_key.as_str())
    }

    fn of(text: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(text).into();
        let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = digest;
        Self(first)
    }

    /// Creates a digest from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// Parses the text that [`Display`](fmt::Display) writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

/// Writes 22 characters of base64url.
impl fmt::Display for HolderDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

/// A holder of a trial: what is bound to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holder {
    /// A device.
    Device(HolderDigest),
    /// A generic key.
    Key(HolderDigest),
}

impl Holder {
    /// Returns the holder of a device id.
    #[must_use]
    pub fn device(device_id: &DeviceId) -> Self {
        Self::Device(HolderDigest::of_device(device_id))
    }

    /// Returns the holder of a generic key.
    #[must_use]
    pub fn key(generic_key: &GenericKey) -> Self {
        Self::Key(HolderDigest::of_key(generic_key))
    }

    /// Returns the digest.
    #[must_use]
    pub const fn digest(&self) -> &HolderDigest {
        match self {
            Self::Device(digest) | Self::Key(digest) => digest,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::Device(_) => "device",
            Self::Key(_) => "generic key",
        };
        write!(formatter, "{what} {}", self.digest())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_start_of_the_sha_256_and_round_trips_as_text() {
        let digest = HolderDigest::of_device(&DeviceId::parse("device_id", "abc").expect("valid"));
        let expected = 0xba78_16bf_8f01_cfea_4141_40de_5dae_2223_u128.to_be_bytes();
        assert_eq!(digest, HolderDigest::from_bytes(expected));
        assert_eq!(HolderDigest::parse(&digest.to_string()), Some(digest));
        for wrong in ["", "AAAA", "no base64 at all, but 22"] {
            assert_eq!(HolderDigest::parse(wrong), None);
        }
    }
}
