//! Values that are one thing: a number, an id. An entry whose key says everything has none.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Format, FormatError, decode, encode};

/// A number.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberV1(u64);

impl Format for NumberV1 {
    const NAME: &'static str = "number";
    const VERSION: u8 = 1;
}

impl NumberV1 {
    /// A number as it is kept.
    #[must_use]
    pub fn encode(number: u64) -> Vec<u8> {
        // Nothing in a number can fail to be written.
        encode(&Self(number)).unwrap_or_default()
    }

    /// The number that was kept.
    ///
    /// # Errors
    /// Where the bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<u64, FormatError> {
        decode(bytes).map(|Self(number)| number)
    }
}

/// An id.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdV1([u8; 16]);

impl Format for IdV1 {
    const NAME: &'static str = "id";
    const VERSION: u8 = 1;
}

impl IdV1 {
    /// An id as it is kept.
    #[must_use]
    pub fn encode(id: Uuid) -> Vec<u8> {
        // Nothing in an id can fail to be written.
        encode(&Self(id.into_bytes())).unwrap_or_default()
    }

    /// The id that was kept.
    ///
    /// # Errors
    /// Where the bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<Uuid, FormatError> {
        decode(bytes).map(|Self(id)| Uuid::from_bytes(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::golden;

    #[test]
    fn the_formats_of_scalars_are_pinned() {
        let number = 1_763_000_000_123;
        golden::check(
            NumberV1::NAME,
            NumberV1::VERSION,
            &NumberV1::encode(number),
            NumberV1::decode,
            &number,
        );
        let id = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        golden::check(IdV1::NAME, IdV1::VERSION, &IdV1::encode(id), IdV1::decode, &id);
    }
}
