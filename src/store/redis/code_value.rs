//! The value of a code in the engine: a header with fixed offsets for the scripts, followed by the record.
//!
//! | bytes | content |
//! |---|---|
//! | 0 to 15 | the record's id |
//! | 16 to 28 | its expiry, in milliseconds since the Unix epoch, as decimal digits |
//! | 29 to 41 | the time of its release in the same form, or zeros |
//! | from 42 | the record (`format::code`) |

use crate::{
    domain::{
        clock::Timestamp,
        error::StoreError,
        port::StoreResult,
        registration_code::{CodeEntry, RegistrationCode},
    },
    format::{decode_code, encode_code},
};

/// The offset of the record.
const RECORD: usize = 42;

/// Encodes a live record.
pub(super) fn encode(registration: &RegistrationCode) -> StoreResult<Vec<u8>> {
    encode_released(registration, None)
}

/// Encodes a record, or a tombstone if it was released.
pub(super) fn encode_released(
    registration: &RegistrationCode,
    release_time: Option<Timestamp>,
) -> StoreResult<Vec<u8>> {
    let mut value = registration.id.into_bytes().to_vec();
    let (end, release) = (registration.expire_time.as_millis(), release_time.map_or(0, Timestamp::as_millis));
    value.extend_from_slice(format!("{end:013}{release:013}").as_bytes());
    value.extend_from_slice(&encode_code(registration)?);
    Ok(value)
}

/// Decodes a record or tombstone.
pub(super) fn decode(value: &[u8]) -> StoreResult<CodeEntry> {
    let (head, record) = value.split_at_checked(RECORD).ok_or_else(cut)?;
    let release: u64 =
        std::str::from_utf8(&head[29..]).ok().and_then(|text| text.parse().ok()).ok_or_else(cut)?;
    Ok(CodeEntry {
        registration: decode_code(record)?,
        release_time: (release > 0).then_some(Timestamp::from_millis(release)),
    })
}

/// The expiry to give the engine for a key that must exist until just before `end`. The engine removes a key one millisecond later
/// than the given time.
pub(super) fn key_end(end: Timestamp) -> u64 {
    end.as_millis().saturating_sub(1)
}

fn cut() -> StoreError {
    StoreError::Corrupt("code: the header is truncated or invalid".to_owned())
}
