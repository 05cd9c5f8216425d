//! What outlives a release: whatever is kept in a store, sealed or not, begins with a version byte, and what follows is
//! [postcard](https://postcard.jamesmunns.com/wire-format) of a type that serves nothing else.
//!
//! postcard does not describe itself: a field has its place by its position alone. So no type here may change once it
//! was released. What is to be kept differently gets a type and a version of its own, and the former ones are still
//! read. `golden` has an encoded sample of each version, which fails where a type changed all the same.

mod code;
mod device_info;
#[cfg(test)]
pub(crate) mod golden;
mod kept_answer;
mod known_device;
mod ledger;
mod scalar;
mod schedule;
mod trial;
mod trial_cell;

use serde::{Deserialize, Serialize};

pub(crate) use code::{Release, decode_code, encode_code};
pub(crate) use kept_answer::{KeptAnswer, KeptRecord};
pub(crate) use known_device::{
    decode_device_of_code, decode_known_device, decode_requestor_of_device, encode_device_of_code,
    encode_known_device, encode_requestor_of_device,
};
pub(crate) use ledger::LedgerEntryV1;
pub(crate) use scalar::{AddressV1, DifferenceV1, IdV1, MarkV1, NumberV1};
pub(crate) use schedule::ScheduleStateV1;
pub(crate) use trial::{
    decode_row, decode_trial, decode_trial_extent, encode_filled_row, encode_rows, encode_trial,
};
pub(crate) use trial_cell::{TrialCell, TrialCellContent};

use crate::domain::error::{Error, StoreError, Violation};

/// A type that is kept.
pub(crate) trait Format {
    /// What it is, for messages and for the name of its fixture.
    const NAME: &'static str;
    /// The first byte of its encoding.
    const VERSION: u8;
}

/// Bytes that are not what they should be. Holds nothing of them, since they may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {reason}")]
pub struct FormatError {
    name: &'static str,
    reason: String,
}

impl FormatError {
    /// Something of this name that cannot be read, for this reason.
    pub fn new(name: &'static str, reason: impl Into<String>) -> Self {
        Self { name, reason: reason.into() }
    }

    /// A value in something of type `T` that is not valid.
    fn invalid<T: Format>(violation: &Violation) -> Self {
        Self::new(T::NAME, format!("its {} {}", violation.field, violation.description))
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

/// The version and the value.
///
/// # Errors
/// Where the value cannot be written, which none of the types here leads to.
pub(crate) fn encode<T: Format + Serialize>(value: &T) -> Result<Vec<u8>, FormatError> {
    // A record is about this long: to grow the vector step by step would copy it several times.
    let mut bytes = Vec::with_capacity(1024);
    bytes.push(T::VERSION);
    postcard::to_extend(value, bytes).map_err(|error| FormatError::new(T::NAME, error.to_string()))
}

/// The value of these bytes.
///
/// # Errors
/// Where they are of another version, cut, or too many.
pub(crate) fn decode<'a, T: Format + Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, FormatError> {
    let wrong = |reason: String| FormatError::new(T::NAME, reason);
    match bytes.split_first() {
        Some((version, rest)) if *version == T::VERSION => match postcard::take_from_bytes(rest) {
            Ok((value, [])) => Ok(value),
            Ok((_, rest)) => Err(wrong(format!("has {} bytes too many", rest.len()))),
            Err(error) => Err(wrong(error.to_string())),
        },
        Some((version, _)) => Err(wrong(format!("its version {version} is not known"))),
        None => Err(wrong("is empty".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_an_unknown_version_cut_or_too_long_is_refused_and_not_misread() {
        let entry = LedgerEntryV1 { expire_time: Some(1), value: b"value" };
        let good = encode(&entry).expect("encodes");
        assert_eq!(decode::<LedgerEntryV1<'_>>(&good).expect("readable"), entry);
        let other_version = [&[LedgerEntryV1::VERSION + 1], &good[1..]].concat();
        let too_long = [good.as_slice(), &[0]].concat();
        for bad in [&other_version, &too_long] {
            assert!(decode::<LedgerEntryV1<'_>>(bad).is_err());
        }
        for end in 0..good.len() {
            assert!(decode::<LedgerEntryV1<'_>>(&good[..end]).is_err(), "cut at {end}");
        }
    }
}
