//! Bytes that are made once; what has to differ from call to call is written over places of its own.

use bytes::{Bytes, BytesMut};

/// Bytes with places that are written over.
pub struct Template {
    bytes: Bytes,
    places: Vec<usize>,
}

impl Template {
    /// The places are where `mark` stands, of which there has to be one.
    pub fn new(bytes: impl Into<Bytes>, mark: &str) -> Self {
        let bytes = bytes.into();
        let parts = bytes.windows(mark.len()).enumerate();
        let places: Vec<_> =
            parts.filter(|(_, part)| *part == mark.as_bytes()).map(|(place, _)| place).collect();
        assert!(!places.is_empty(), "the template holds the mark");
        Self { bytes, places }
    }

    /// The bytes with `value` at their places.
    pub fn with(&self, value: &[u8]) -> Bytes {
        let mut bytes = BytesMut::from(&*self.bytes);
        for place in &self.places {
            bytes[*place..place + value.len()].copy_from_slice(value);
        }
        bytes.freeze()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }
}
