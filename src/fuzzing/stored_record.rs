//! Fuzz targets for stored records, which a disk may have corrupted.

use std::{fmt::Debug, sync::LazyLock};

use super::FuzzTarget;
use crate::{
    auth::KeyRing,
    domain::temp_pass::ResourceId,
    format::{
        AddressV1, DifferenceV1, FormatError, IdV1, LedgerEntryV1, NumberV1, Release, ScheduleStateV1,
        StoredResponse, decode_code, decode_device_of_code, decode_known_device, decode_requestor_of_device,
        decode_row, decode_trial, decode_trial_extent, encode_code, encode_device_of_code,
        encode_known_device, encode_requestor_of_device, encode_trial,
    },
};

pub(super) const TARGETS: &[FuzzTarget] = &[("stored_record", stored_record)];

static RING: LazyLock<KeyRing> =
    LazyLock::new(|| KeyRing::parse("one:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=").expect("a key ring"));

/// The same bytes as each kind of record.
fn stored_record(input: &[u8]) {
    same(input, decode_code, encode_code);
    same(input, Release::decode, |release| Ok(release.encode()));
    same(input, StoredResponse::decode, StoredResponse::encode);
    same(input, LedgerEntryV1::decode, LedgerEntryV1::encode);
    same(input, ScheduleStateV1::decode, ScheduleStateV1::encode);
    same(input, decode_known_device, encode_known_device);
    same(input, decode_device_of_code, encode_device_of_code);
    same(input, decode_requestor_of_device, encode_requestor_of_device);
    same(input, AddressV1::decode, |address| Ok(AddressV1::encode(*address)));
    same(input, IdV1::decode, |id| Ok(IdV1::encode(*id)));
    same(input, NumberV1::decode, |number| Ok(NumberV1::encode(*number)));
    same(input, DifferenceV1::decode, |difference| Ok(DifferenceV1::encode(*difference)));
    let no_row = |_| -> Result<Vec<ResourceId>, FormatError> { Err(FormatError::new("row", "is missing")) };
    if let Ok(trial) = decode_trial(input, no_row)
        && trial.used_resources.len() <= 16
    {
        same(input, |bytes| decode_trial(bytes, no_row), encode_trial);
        assert_eq!(decode_trial_extent(input), Ok((trial.forget_time, 0)));
    }
    let _ = decode_row(input);
    if let Ok(secret) = RING.open(input, b"place") {
        assert!(secret.len() <= input.len());
    }
}

/// A decoded value encodes to bytes that decode to the same value.
fn same<T: Debug + PartialEq>(
    input: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, FormatError>,
    encode: impl Fn(&T) -> Result<Vec<u8>, FormatError>,
) {
    if let Ok(value) = decode(input) {
        let encoded = encode(&value).expect("encodes");
        assert!(encoded.len() <= input.len(), "is longer after encoding");
        assert_eq!(decode(&encoded), Ok(value));
    }
}
