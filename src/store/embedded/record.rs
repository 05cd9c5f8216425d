//! Keys and values as they lie in the engine. A change here needs a new version byte, and the old one must
//! still be read.

use fjall::{UserKey, UserValue};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::domain::{
    clock::Timestamp,
    error::StoreError,
    id::{DeviceId, EnvironmentName, MvpdId, RequestorId},
    port::{LedgerEntry, LedgerKey, StoreResult},
    registration::{CodeEntry, CodeKey, Registration, Shadow},
    temp_pass::{GenericKey, TempPassKey, Trial},
};

/// A trial by its id.
const TRIAL: u8 = b't';
/// The id of the trial that a device is bound to.
const TRIAL_OF_DEVICE: u8 = b'd';
/// The id of the trial that a generic key is bound to.
const TRIAL_OF_KEY: u8 = b'k';
/// The generation of a TempPass.
const GENERATION: u8 = b'g';

/// What follows is postcard of the value's present form.
const VERSION: u8 = 1;

/// What follows is postcard of a code's entry and of its shadow.
const SHADOW_VERSION: u8 = 2;

/// The kinds of records, each a key's first byte, so that they can share a bucket.
pub const CODE: u8 = b'c';
/// A ledger entry.
pub const LEDGER: u8 = b'l';
/// How many codes of an environment expire in a certain second.
pub const COUNTER: u8 = b'n';

/// `c code 0 environment 0 requestor`. The names hold no zero byte. The code comes first because the engine
/// compares the first bytes of two keys without following a pointer, and only the codes differ there.
pub fn code_key(key: &CodeKey) -> UserKey {
    let CodeKey { environment, requestor, code } = key;
    joined(CODE, &[code.as_str().as_bytes(), environment.as_str().as_bytes(), requestor.as_str().as_bytes()])
}

/// `l kind 0 name`. A kind holds no zero byte; a name may.
pub fn ledger_key(key: &LedgerKey) -> UserKey {
    joined(LEDGER, &[key.kind.as_bytes(), &key.name])
}

/// What the keys of all entries of a kind begin with.
pub fn ledger_prefix(kind: &str) -> Vec<u8> {
    joined(LEDGER, &[kind.as_bytes(), &[]]).to_vec()
}

/// `n environment 0 second`, the second as eight big-endian bytes.
pub fn counter_key(environment: &EnvironmentName, second: u64) -> UserKey {
    joined(COUNTER, &[environment.as_str().as_bytes(), &second.to_be_bytes()])
}

/// The environment and second of a counter's key.
pub fn parse_counter_key(key: &[u8]) -> StoreResult<(EnvironmentName, u64)> {
    let corrupt = || StoreError::Corrupt("the key of a counter".to_owned());
    let (environment, second) = key
        .get(1..)
        .and_then(|rest| rest.split_last_chunk::<8>())
        .and_then(|(head, second)| Some((head.strip_suffix(&[0])?, u64::from_be_bytes(*second))))
        .ok_or_else(corrupt)?;
    let environment = std::str::from_utf8(environment).map_err(|_| corrupt())?;
    Ok((EnvironmentName::parse("environment", environment).map_err(|_| corrupt())?, second))
}

/// `t environment 0 requestor 0 mvpd 0 id`, the id as sixteen bytes.
pub fn trial_key(temp_pass: &TempPassKey, id: Uuid) -> UserKey {
    temp_pass_key(TRIAL, temp_pass, id.as_bytes())
}

/// `d environment 0 requestor 0 mvpd 0 device id`.
pub fn trial_of_device_key(temp_pass: &TempPassKey, device_id: &DeviceId) -> UserKey {
    temp_pass_key(TRIAL_OF_DEVICE, temp_pass, device_id.as_str().as_bytes())
}

/// `k environment 0 requestor 0 mvpd 0 generic key`.
pub fn trial_of_key_key(temp_pass: &TempPassKey, generic_key: &GenericKey) -> UserKey {
    temp_pass_key(TRIAL_OF_KEY, temp_pass, generic_key.as_str().as_bytes())
}

/// `g environment 0 requestor 0 mvpd 0`.
pub fn generation_key(temp_pass: &TempPassKey) -> UserKey {
    temp_pass_key(GENERATION, temp_pass, &[])
}

/// What a key among the trials names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrialKey {
    /// A trial.
    Trial(TempPassKey, Uuid),
    /// A device or a generic key that is bound to one.
    Binding(TempPassKey),
    /// A generation.
    Generation,
}

/// What a key among the trials names.
pub fn parse_trial_key(key: &[u8]) -> StoreResult<TrialKey> {
    let corrupt = || StoreError::Corrupt("the key of a trial".to_owned());
    let (kind, rest) = key.split_first().ok_or_else(corrupt)?;
    let mut parts = rest.splitn(4, |byte| *byte == 0);
    let mut text = || parts.next().and_then(|part| std::str::from_utf8(part).ok()).ok_or_else(corrupt);
    let (environment, requestor, mvpd) = (text()?, text()?, text()?);
    let temp_pass = TempPassKey {
        environment: EnvironmentName::parse("environment", environment).map_err(|_| corrupt())?,
        requestor: RequestorId::parse("requestor", requestor).map_err(|_| corrupt())?,
        mvpd: MvpdId::parse("mvpd", mvpd).map_err(|_| corrupt())?,
    };
    match *kind {
        TRIAL => {
            let id = parts.next().and_then(|id| Uuid::from_slice(id).ok()).ok_or_else(corrupt)?;
            Ok(TrialKey::Trial(temp_pass, id))
        }
        TRIAL_OF_DEVICE | TRIAL_OF_KEY => Ok(TrialKey::Binding(temp_pass)),
        GENERATION => Ok(TrialKey::Generation),
        _ => Err(corrupt()),
    }
}

/// What every trial's key begins with.
pub const TRIAL_PREFIX: [u8; 1] = [TRIAL];

/// A trial as a value.
pub fn encode_trial(trial: &Trial) -> StoreResult<UserValue> {
    encode(trial)
}

/// The trial that `value` holds.
pub fn decode_trial(value: &[u8]) -> StoreResult<Trial> {
    decode(value)
}

/// The id of a trial as a value.
pub fn encode_trial_id(id: Uuid) -> UserValue {
    UserValue::new(id.as_bytes())
}

/// The id of a trial that `value` holds.
pub fn decode_trial_id(value: &[u8]) -> StoreResult<Uuid> {
    Uuid::from_slice(value).map_err(|_| StoreError::Corrupt("the id of a trial".to_owned()))
}

/// A code's record, or the tombstone that it left at `release_time`, as a value: a [`CodeEntry`], whose fields
/// postcard writes one after the other, as it does a pair's. A shadow comes last, under a version of its own.
pub fn encode_code(registration: &Registration, release_time: Option<Timestamp>) -> StoreResult<UserValue> {
    match &registration.shadow {
        None => encode(&(registration, release_time)),
        Some(shadow) => encode_as(SHADOW_VERSION, &(registration, release_time, shadow)),
    }
}

/// The record or tombstone that `value` holds.
pub fn decode_code(value: &[u8]) -> StoreResult<CodeEntry> {
    let Some((&SHADOW_VERSION, rest)) = value.split_first() else { return decode(value) };
    let (mut entry, shadow): (CodeEntry, Shadow) = from_postcard(rest)?;
    entry.registration.shadow = Some(shadow);
    Ok(entry)
}

/// A ledger entry as a value.
pub fn encode_ledger(entry: &LedgerEntry) -> StoreResult<UserValue> {
    encode(&(entry.expire_time, entry.value.as_slice()))
}

/// The ledger entry that `value` holds.
pub fn decode_ledger(value: &[u8]) -> StoreResult<LedgerEntry> {
    let (expire_time, value): (Option<Timestamp>, Vec<u8>) = decode(value)?;
    Ok(LedgerEntry { value, expire_time })
}

/// A counter as a value.
pub fn encode_counter(count: u64) -> UserValue {
    UserValue::new(&count.to_le_bytes())
}

/// The count that `value` holds.
pub fn decode_counter(value: &[u8]) -> StoreResult<u64> {
    let bytes = value.try_into().map_err(|_| StoreError::Corrupt("the value of a counter".to_owned()))?;
    Ok(u64::from_le_bytes(bytes))
}

fn encode(value: &impl Serialize) -> StoreResult<UserValue> {
    encode_as(VERSION, value)
}

fn encode_as(version: u8, value: &impl Serialize) -> StoreResult<UserValue> {
    // A record is about this long: to grow the vector step by step would copy it several times.
    let bytes = postcard::to_extend(value, {
        let mut bytes = Vec::with_capacity(1024);
        bytes.push(version);
        bytes
    });
    bytes
        .map(|bytes| UserValue::new(&bytes))
        .map_err(|error| StoreError::Corrupt(format!("a record could not be encoded: {error}")))
}

fn decode<T: DeserializeOwned>(value: &[u8]) -> StoreResult<T> {
    match value.split_first() {
        Some((&VERSION, rest)) => from_postcard(rest),
        Some((version, _)) => Err(StoreError::Corrupt(format!("its version {version} is not known"))),
        None => Err(StoreError::Corrupt("it is empty".to_owned())),
    }
}

fn from_postcard<T: DeserializeOwned>(bytes: &[u8]) -> StoreResult<T> {
    postcard::from_bytes(bytes).map_err(|error| StoreError::Corrupt(error.to_string()))
}

fn temp_pass_key(kind: u8, temp_pass: &TempPassKey, last: &[u8]) -> UserKey {
    let TempPassKey { environment, requestor, mvpd } = temp_pass;
    let names = [environment.as_str(), requestor.as_str(), mvpd.as_str()].map(str::as_bytes);
    joined(kind, &[names[0], names[1], names[2], last])
}

fn joined(kind: u8, parts: &[&[u8]]) -> UserKey {
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

    #[test]
    fn a_counter_key_can_be_read_back() {
        let environment = EnvironmentName::parse("environment", "prod.eu-1").expect("valid");
        for second in [0, 1, 1_763_000_000, u64::MAX] {
            let key = counter_key(&environment, second);
            assert_eq!(parse_counter_key(&key).expect("readable"), (environment.clone(), second));
        }
        assert!(parse_counter_key(b"n").is_err());
    }

    #[test]
    fn a_value_of_an_unknown_version_is_corrupt_and_not_misread() {
        let entry = LedgerEntry { value: b"value".to_vec(), expire_time: None };
        let mut value = encode_ledger(&entry).expect("encodes").to_vec();
        assert_eq!(decode_ledger(&value).expect("readable"), entry);
        value[0] = VERSION + 1;
        assert!(matches!(decode_ledger(&value), Err(StoreError::Corrupt(_))));
        assert!(matches!(decode_ledger(&[]), Err(StoreError::Corrupt(_))));
    }

    #[test]
    fn a_kind_that_begins_like_another_does_not_share_its_prefix() {
        let key = ledger_key(&LedgerKey { kind: "lease_old", name: b"x".to_vec() });
        assert!(!key.starts_with(&ledger_prefix("lease")));
        assert!(key.starts_with(&ledger_prefix("lease_old")));
    }
}
