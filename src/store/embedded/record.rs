//! Keys and values in the engine. `trial_key` defines the keys of trials, and `format` the values. Keys have no version: a
//! changed key layout needs a new first byte.

use fjall::{UserKey, UserValue};
use uuid::Uuid;

use crate::{
    domain::{
        clock::Timestamp,
        error::StoreError,
        id::EnvironmentName,
        ledger_kind::LedgerKind,
        port::{LedgerEntry, LedgerKey, StoreResult},
        registration_code::{CodeEntry, CodeKey, RegistrationCode},
    },
    format::{self, DifferenceV1, IdV1, LedgerEntryV1, NumberV1, Release},
};

/// A code's record. The kind of a record is the first byte of its key, so that all kinds can share a bucket.
pub(super) const CODE: u8 = b'c';
/// The release of a code's record.
pub(super) const RELEASE: u8 = b'r';
/// A ledger entry.
pub(super) const LEDGER: u8 = b'l';
/// The change in the number of an environment's codes that expire in a given second. It may be negative.
pub(super) const COUNTER: u8 = b'n';

/// `c code 0 environment 0 requestor`. The names contain no zero byte. The code comes first, because the engine
/// compares the first bytes of two keys without following a pointer, and the codes are what differs between keys.
pub(super) fn code_key(key: &CodeKey) -> UserKey {
    let CodeKey { environment, requestor, code } = key;
    joined(CODE, &[code.as_str().as_bytes(), environment.as_str().as_bytes(), requestor.as_str().as_bytes()])
}

/// The code's key with another first byte.
pub(super) fn release_key(code_key: &[u8]) -> UserKey {
    let mut key = code_key.to_vec();
    if let Some(kind) = key.first_mut() {
        *kind = RELEASE;
    }
    UserKey::new(&key)
}

/// `l kind 0 name`. A kind contains no zero byte; a name may.
pub(super) fn ledger_key(key: &LedgerKey) -> UserKey {
    joined(LEDGER, &[key.kind.as_str().as_bytes(), &key.name])
}

/// The common prefix of the keys of all entries of a kind.
pub(super) fn ledger_prefix(kind: LedgerKind) -> Vec<u8> {
    joined(LEDGER, &[kind.as_str().as_bytes(), &[]]).to_vec()
}

/// `n environment 0 second`, with the second as eight big-endian bytes.
pub(super) fn counter_key(environment: &EnvironmentName, second: u64) -> UserKey {
    joined(COUNTER, &[environment.as_str().as_bytes(), &second.to_be_bytes()])
}

/// The environment and second of a counter's key.
pub(super) fn parse_counter_key(key: &[u8]) -> StoreResult<(EnvironmentName, u64)> {
    let corrupt = || StoreError::Corrupt("invalid key of a counter".to_owned());
    let (environment, second) = key
        .get(1..)
        .and_then(|rest| rest.split_last_chunk::<8>())
        .and_then(|(head, second)| Some((head.strip_suffix(&[0])?, u64::from_be_bytes(*second))))
        .ok_or_else(corrupt)?;
    let environment = std::str::from_utf8(environment).map_err(|_| corrupt())?;
    Ok((EnvironmentName::parse("environment", environment).map_err(|_| corrupt())?, second))
}

pub(super) fn encode_trial_id(id: Uuid) -> UserValue {
    UserValue::new(&IdV1::encode(id))
}

pub(super) fn decode_trial_id(value: &[u8]) -> StoreResult<Uuid> {
    Ok(IdV1::decode(value)?)
}

/// Encodes the record of a code.
pub(super) fn encode_code(registration: &RegistrationCode) -> StoreResult<UserValue> {
    Ok(UserValue::new(&format::encode_code(registration)?))
}

/// Decodes the record of a code. It is a tombstone if `release` belongs to this record.
pub(super) fn decode_code(value: &[u8], release: Option<&[u8]>) -> StoreResult<CodeEntry> {
    let registration = format::decode_code(value)?;
    let release = release.map(Release::decode).transpose()?;
    let own = release.filter(|release| release.id == registration.id);
    Ok(CodeEntry { registration, release_time: own.map(|release| release.time) })
}

pub(super) fn encode_release(id: Uuid, time: Timestamp) -> UserValue {
    UserValue::new(&Release { id, time }.encode())
}

pub(super) fn encode_ledger(entry: &LedgerEntry) -> StoreResult<UserValue> {
    Ok(UserValue::new(&LedgerEntryV1::encode(entry)?))
}

pub(super) fn decode_ledger(value: &[u8]) -> StoreResult<LedgerEntry> {
    Ok(LedgerEntryV1::decode(value)?)
}

pub(super) fn encode_number(number: u64) -> UserValue {
    UserValue::new(&NumberV1::encode(number))
}

pub(super) fn decode_number(value: &[u8]) -> StoreResult<u64> {
    Ok(NumberV1::decode(value)?)
}

pub(super) fn encode_counter(difference: i64) -> UserValue {
    UserValue::new(&DifferenceV1::encode(difference))
}

pub(super) fn decode_counter(value: &[u8]) -> StoreResult<i64> {
    Ok(DifferenceV1::decode(value)?)
}

/// Joins a kind and the parts of a key, with a zero byte between the parts.
pub(super) fn joined(kind: u8, parts: &[&[u8]]) -> UserKey {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len() + 1).sum::<usize>());
    key.push(kind);
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            key.push(0);
        }
        key.extend_from_slice(part);
    }
    UserKey::new(&key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{format::golden, store::conformance::sample};

    #[test]
    fn the_keys_of_codes_entries_and_counters_are_pinned() {
        let now = Timestamp::from_millis(1_763_000_000_123);
        let code = sample::registration(now, "NKGF4M7", sample::TTL);
        let keys = [
            ("code", code_key(&code.key())),
            ("release", release_key(&code_key(&code.key()))),
            ("ledger", ledger_key(&LedgerKey { kind: LedgerKind::Test("kind"), name: b"a\0name".to_vec() })),
            ("counter", counter_key(&code.environment, 1_763_000_000)),
        ];
        let lines = keys.map(|(name, key)| format!("{name}\n{}", golden::hex(&key)));
        golden::check_text("store_keys", 1, &lines.concat());
    }

    #[test]
    fn a_counter_key_round_trips() {
        let environment = EnvironmentName::parse("environment", "prod.eu-1").expect("valid");
        for second in [0, 1, 1_763_000_000, u64::MAX] {
            let key = counter_key(&environment, second);
            assert_eq!(parse_counter_key(&key).expect("readable"), (environment.clone(), second));
        }
        assert!(parse_counter_key(b"n").is_err());
    }

    #[test]
    fn a_kind_whose_name_starts_like_another_does_not_share_its_prefix() {
        let key = ledger_key(&LedgerKey { kind: LedgerKind::Test("lease_old"), name: b"x".to_vec() });
        assert!(!key.starts_with(&ledger_prefix(LedgerKind::Test("lease"))));
        assert!(key.starts_with(&ledger_prefix(LedgerKind::Test("lease_old"))));
    }
}
