//! Bytes that are prepared once, with placeholders for values that differ from call to call.

use bytes::{Bytes, BytesMut};

/// Bytes with placeholders.
pub struct Template {
    bytes: Bytes,
    places: Vec<usize>,
}

impl Template {
    /// Finds the placeholders: every `mark`, at least one.
    pub fn new(bytes: impl Into<Bytes>, mark: &str) -> Self {
        let bytes = bytes.into();
        let parts = bytes.windows(mark.len()).enumerate();
        let places: Vec<_> =
            parts.filter(|(_, part)| *part == mark.as_bytes()).map(|(place, _)| place).collect();
        assert!(!places.is_empty(), "the template contains the mark");
        Self { bytes, places }
    }

    /// The bytes with `value` in the placeholders.
    pub fn with(&self, value: &[u8]) -> Bytes {
        let mut bytes = BytesMut::from(&*self.bytes);
        for place in &self.places {
            bytes[*place..place + value.len()].copy_from_slice(value);
        }
        bytes.freeze()
    }

    /// The length in bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }
}
