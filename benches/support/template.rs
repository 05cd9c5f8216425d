//! Bytes that are made once; what has to differ from call to call is written over a place of its own.

use bytes::{Bytes, BytesMut};

/// Bytes with a place that is written over.
pub struct Template {
    bytes: Bytes,
    place: usize,
}

impl Template {
    /// The place is where `mark` stands.
    pub fn new(bytes: impl Into<Bytes>, mark: &str) -> Self {
        let bytes = bytes.into();
        let place = bytes.windows(mark.len()).position(|part| part == mark.as_bytes());
        Self { place: place.expect("the template holds the mark"), bytes }
    }

    /// The bytes with `value` at their place.
    pub fn with(&self, value: &[u8]) -> Bytes {
        let mut bytes = BytesMut::from(&*self.bytes);
        bytes[self.place..self.place + value.len()].copy_from_slice(value);
        bytes.freeze()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }
}
