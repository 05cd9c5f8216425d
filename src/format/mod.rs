//! The storage formats. Every stored value, sealed or not, starts with a version byte. The rest is the
//! [postcard](https://postcard.jamesmunns.com/wire-format) encoding of a type that is used only for storage.
//!
//! postcard is not self-describing: it identifies a field only by its position. A released type must therefore never
//! change. To change a format, add a new type with a new version, and keep reading the earlier versions. `golden` checks
//! an encoded sample of each version and fails if a released type changes.

mod code;
mod device_info;
#[cfg(test)]
pub(crate) mod golden;
mod known_device;
mod ledger;
mod scalar;
mod schedule;
mod stored_response;
mod trial;
mod trial_cell;

use serde::{Deserialize, Serialize};

pub(crate) use code::{Release, decode_code, encode_code};
pub(crate) use known_device::{
    decode_device_of_code, decode_known_device, decode_requestor_of_device, encode_device_of_code,
    encode_known_device, encode_requestor_of_device,
};
pub(crate) use ledger::LedgerEntryV1;
pub(crate) use scalar::{AddressV1, DifferenceV1, IdV1, MarkV1, NumberV1};
pub(crate) use schedule::ScheduleStateV1;
pub(crate) use stored_response::{ResponseRecord, StoredResponse};
pub(crate) use trial::{
    decode_row, decode_trial, decode_trial_extent, encode_filled_row, encode_rows, encode_trial,
};
pub(crate) use trial_cell::{TrialCell, TrialCellContent};

use crate::domain::error::{Error, StoreError, Violation};

/// A type that defines a storage format.
pub(crate) trait StoredFormat {
    /// The name of the format, used in error messages and as the name of its fixture.
    const NAME: &'static str;
    /// The first byte of its encoding.
    const VERSION: u8;
}

/// A stored value that cannot be decoded. The error never contains the bytes, because they may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {reason}")]
pub struct FormatError {
    name: &'static str,
    reason: String,
}

impl FormatError {
    /// Creates an error for the format `name`.
    pub fn new(name: &'static str, reason: impl Into<String>) -> Self {
        Self { name, reason: reason.into() }
    }

    /// A field of a `T` is decoded but its value is invalid.
    fn invalid<T: StoredFormat>(violation: &Violation) -> Self {
        Self::new(T::NAME, format!("field {} {}", violation.field, violation.description))
    }
}

impl From<FormatError> for StoreError {
    fn from(error: FormatError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl From<FormatError> for Error {
    fn from(error: FormatError) -> Self {
        StoreError::from(error).into()
    }
}

/// Encodes the version byte and the value.
///
/// # Errors
/// If postcard cannot serialize the value, which cannot happen for the types in this module.
pub(crate) fn encode<T: StoredFormat + Serialize>(value: &T) -> Result<Vec<u8>, FormatError> {
    // The typical size of a record. Growing the vector step by step would copy it several times.
    let mut bytes = Vec::with_capacity(1024);
    bytes.push(T::VERSION);
    postcard::to_extend(value, bytes).map_err(|error| FormatError::new(T::NAME, error.to_string()))
}

/// Decodes a value and checks its version byte.
///
/// # Errors
/// If the bytes have another version, are truncated, or are followed by extra bytes.
pub(crate) fn decode<'a, T: StoredFormat + Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, FormatError> {
    let wrong = |reason: String| FormatError::new(T::NAME, reason);
    match bytes.split_first() {
        Some((version, rest)) if *version == T::VERSION => match postcard::take_from_bytes(rest) {
            Ok((value, [])) => Ok(value),
            Ok((_, rest)) => Err(wrong(format!("{} unexpected bytes after the value", rest.len()))),
            Err(error) => Err(wrong(error.to_string())),
        },
        Some((version, _)) => {
            Err(wrong(format!("unsupported format version {version}, expected {}", T::VERSION)))
        }
        None => Err(wrong("the value is empty".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_another_version_or_length_are_rejected() {
        let entry = LedgerEntryV1 { expire_time: Some(1), value: b"value" };
        let good = encode(&entry).expect("encodes");
        assert_eq!(decode::<LedgerEntryV1<'_>>(&good).expect("readable"), entry);
        let other_version = [&[LedgerEntryV1::VERSION + 1], &good[1..]].concat();
        let too_long = [good.as_slice(), &[0]].concat();
        for bad in [&other_version, &too_long] {
            assert!(decode::<LedgerEntryV1<'_>>(bad).is_err());
        }
        for end in 0..good.len() {
            assert!(decode::<LedgerEntryV1<'_>>(&good[..end]).is_err(), "truncated at {end}");
        }
    }
}
