//! The keys of the trials keyspace.
//!
//! The keys of trials and their bindings contain the generation of their TempPass, which a reset of all increments. Records that
//! no decision reads any more therefore have prefixes of their own. Every record with a forget time has a row in the
//! expiry index, under the day of that time.

use std::ops::Range;

use fjall::UserKey;
use uuid::Uuid;

use super::record::joined;
use crate::domain::{
    clock::Timestamp,
    error::StoreError,
    id::{EnvironmentName, MvpdId, RequestorId},
    port::StoreResult,
    temp_pass::{Holder, HolderDigest, TempPassKey},
};

/// A trial, by its id.
const TRIAL: u8 = b't';
/// A full row of a trial's resources.
const RESOURCES: u8 = b'r';
/// The id of the trial that a device is bound to.
const OF_DEVICE: u8 = b'd';
/// The id of the trial that a generic key is bound to.
const OF_KEY: u8 = b'k';
/// The current generation of a TempPass.
const GENERATION: u8 = b'g';
/// The mark of an ended generation, which may still have records.
const ENDED: u8 = b'e';
/// A row of the expiry index.
const EXPIRY: u8 = b'f';

const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// The prefix of the keys of all trials.
pub(super) const TRIAL_PREFIX: [u8; 1] = [TRIAL];

/// The prefixes of the keys of all devices and of all generic keys.
pub(super) const BINDING_PREFIXES: [[u8; 1]; 2] = [[OF_DEVICE], [OF_KEY]];

/// The trials of a TempPass between two resets of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Generation {
    pub temp_pass: TempPassKey,
    /// The number of earlier resets of all.
    pub number: u64,
}

/// A parsed key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TrialKey {
    Trial(Generation, Uuid),
    /// A device or a generic key that is bound to a trial.
    Binding(Generation, Holder),
    /// The mark of an ended generation.
    Ended(Generation),
}

impl Generation {
    /// `t environment 0 requestor 0 mvpd 0 generation id`, the generation as eight big-endian bytes, the id as sixteen.
    pub(super) fn trial(&self, id: Uuid) -> UserKey {
        self.key(TRIAL, id.as_bytes())
    }

    /// `r environment 0 requestor 0 mvpd 0 generation id number`, the number as four big-endian bytes.
    pub(super) fn resources(&self, id: Uuid, number: u32) -> UserKey {
        self.key(RESOURCES, &[id.as_bytes().as_slice(), &number.to_be_bytes()].concat())
    }

    /// `d environment 0 requestor 0 mvpd 0 generation digest` for a device, with `k` for a generic key. The digest has sixteen
    /// bytes.
    pub(super) fn binding(&self, holder: &Holder) -> UserKey {
        let kind = match holder {
            Holder::Device(_) => OF_DEVICE,
            Holder::Key(_) => OF_KEY,
        };
        self.key(kind, holder.digest().as_bytes())
    }

    /// `e environment 0 requestor 0 mvpd 0 generation`.
    pub(super) fn ended(&self) -> UserKey {
        self.key(ENDED, &[])
    }

    /// The key ranges of the generation's records. Bindings come first, because removing a binding reads its trial. Rows of
    /// resources are removed with their trials.
    pub(super) fn ranges(&self) -> [Range<UserKey>; 3] {
        let next = Self { temp_pass: self.temp_pass.clone(), number: self.number.saturating_add(1) };
        [OF_DEVICE, OF_KEY, TRIAL].map(|kind| self.key(kind, &[])..next.key(kind, &[]))
    }

    fn key(&self, kind: u8, last: &[u8]) -> UserKey {
        temp_pass_key(kind, &self.temp_pass, &[&self.number.to_be_bytes(), last].concat())
    }
}

/// `g environment 0 requestor 0 mvpd 0`.
pub(super) fn generation_key(temp_pass: &TempPassKey) -> UserKey {
    temp_pass_key(GENERATION, temp_pass, &[])
}

/// `f day key`: the record under `key` may be forgotten on this day, in days since the Unix epoch as four big-endian bytes.
pub(super) fn expiry_key(forget_time: Timestamp, key: &UserKey) -> UserKey {
    UserKey::new(&[&[EXPIRY], day(forget_time).as_slice(), key].concat())
}

/// The range of the expiry index's rows whose days are over at `now`.
pub(super) fn expiry_range(now: Timestamp) -> Range<UserKey> {
    UserKey::new(&[EXPIRY])..UserKey::new(&[&[EXPIRY], day(now).as_slice()].concat())
}

/// The range of the marks of ended generations.
pub(super) fn ended_range() -> Range<UserKey> {
    UserKey::new(&[ENDED])..UserKey::new(&[ENDED + 1])
}

/// The key that a row of the expiry index refers to.
pub(super) fn parse_expiry_key(row: &[u8]) -> StoreResult<UserKey> {
    match row.split_first_chunk::<5>() {
        Some(([EXPIRY, ..], key)) => Ok(key.into()),
        _ => Err(corrupt()),
    }
}

fn day(time: Timestamp) -> [u8; 4] {
    u32::try_from(time.as_millis() / DAY_MILLIS).unwrap_or(u32::MAX).to_be_bytes()
}

/// Parses a key, except those of rows of resources and of the expiry index.
pub(super) fn parse_trial_key(key: &[u8]) -> StoreResult<TrialKey> {
    let (kind, rest) = key.split_first().ok_or_else(corrupt)?;
    let mut parts = rest.splitn(4, |byte| *byte == 0);
    let mut text = || parts.next().and_then(|part| std::str::from_utf8(part).ok()).ok_or_else(corrupt);
    let (environment, requestor, mvpd) = (text()?, text()?, text()?);
    let temp_pass = TempPassKey {
        environment: EnvironmentName::parse("environment", environment).map_err(|_| corrupt())?,
        requestor: RequestorId::parse("requestor", requestor).map_err(|_| corrupt())?,
        mvpd: MvpdId::parse("mvpd", mvpd).map_err(|_| corrupt())?,
    };
    let (number, last) = parts.next().and_then(|rest| rest.split_first_chunk()).ok_or_else(corrupt)?;
    let generation = Generation { temp_pass, number: u64::from_be_bytes(*number) };
    let holder = || last.try_into().map(HolderDigest::from_bytes).map_err(|_| corrupt());
    match *kind {
        TRIAL => Ok(TrialKey::Trial(generation, Uuid::from_slice(last).map_err(|_| corrupt())?)),
        OF_DEVICE => Ok(TrialKey::Binding(generation, Holder::Device(holder()?))),
        OF_KEY => Ok(TrialKey::Binding(generation, Holder::Key(holder()?))),
        ENDED => Ok(TrialKey::Ended(generation)),
        _ => Err(corrupt()),
    }
}

fn corrupt() -> StoreError {
    StoreError::Corrupt("invalid key of a trial".to_owned())
}

fn temp_pass_key(kind: u8, temp_pass: &TempPassKey, last: &[u8]) -> UserKey {
    let TempPassKey { environment, requestor, mvpd } = temp_pass;
    let names = [environment.as_str(), requestor.as_str(), mvpd.as_str()].map(str::as_bytes);
    joined(kind, &[names[0], names[1], names[2], last])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{id::DeviceId, temp_pass::GenericKey},
        format::golden,
    };

    #[test]
    fn the_keys_of_trials_are_pinned() {
        let temp_pass = TempPassKey {
            environment: EnvironmentName::parse("environment", "prod").expect("valid"),
            requestor: RequestorId::parse("requestor", "REF").expect("valid"),
            mvpd: MvpdId::parse("mvpd", "TempPass").expect("valid"),
        };
        let generation = Generation { temp_pass: temp_pass.clone(), number: 0x0102_0304 };
        let id = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        let trial = generation.trial(id);
        let device = Holder::device(&DeviceId::parse("device_id", "a device").expect("valid"));
        let user = Holder::key(&GenericKey::parse("generic_key", &"ab".repeat(32)).expect("valid"));
        let row = expiry_key(Timestamp::from_millis(1_763_000_000_123), &trial);
        let keys = [
            ("trial", &trial),
            ("resources", &generation.resources(id, 7)),
            ("of device", &generation.binding(&device)),
            ("of key", &generation.binding(&user)),
            ("generation", &generation_key(&temp_pass)),
            ("ended", &generation.ended()),
            ("expiry", &row),
        ];
        let lines = keys.map(|(name, key)| format!("{name}\n{}", golden::hex(key)));
        golden::check_text("trial_keys", 1, &lines.concat());

        assert_eq!(parse_trial_key(&trial).expect("readable"), TrialKey::Trial(generation.clone(), id));
        for holder in [device, user] {
            let key = generation.binding(&holder);
            let parsed = parse_trial_key(&key).expect("readable");
            assert_eq!(parsed, TrialKey::Binding(generation.clone(), holder));
            assert!(parse_trial_key(&key[..key.len() - 1]).is_err());
        }
        assert_eq!(parse_trial_key(&generation.ended()).expect("readable"), TrialKey::Ended(generation));
        assert_eq!(parse_expiry_key(&row).expect("readable"), trial);
        for end in 0..trial.len() {
            assert!(parse_trial_key(&trial[..end]).is_err(), "truncated at {end}");
        }
    }
}
