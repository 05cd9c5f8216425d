//! Removal of trials, in two ways. Neither reads a live trial:
//!
//! - Forgotten trials: from the expiry index, once the day of their forget time is over.
//! - Ended generations: a reset of all leaves a mark, and the cleanup task removes the generation's records step by step.
//!
//! An index row or a mark is written in the same commit as the record or reset that requires it, and removed with the records
//! that it refers to. After a restart, both searches start over on what is left.

use std::ops::{Bound, Range};

use fjall::UserKey;

use super::{
    engine::EmbeddedEngine,
    operation::BatchCommand,
    record,
    transaction::Transaction,
    trial_key::{self, TrialKey},
    trial_operation::TrialReader,
};
use crate::{
    domain::{clock::Timestamp, error::StoreError, port::StoreResult},
    format,
};

/// Returns at most `limit` rows of the expiry index whose days are over, starting after `after`.
pub(super) fn expired_rows(
    engine: &EmbeddedEngine,
    now: Timestamp,
    after: Option<&UserKey>,
    limit: usize,
) -> StoreResult<Vec<UserKey>> {
    keys_within(engine, &trial_key::expiry_range(now), after, limit)
}

/// Returns at most `limit` keys: the records of ended generations, and the marks of generations that have no records left.
/// `after` is the last key that an earlier call returned.
pub(super) fn ended_keys(
    engine: &EmbeddedEngine,
    after: Option<&UserKey>,
    limit: usize,
) -> StoreResult<Vec<UserKey>> {
    let mut ended = Vec::new();
    for mark in keys_within(engine, &trial_key::ended_range(), None, limit)? {
        let TrialKey::Ended(generation) = trial_key::parse_trial_key(&mark)? else { continue };
        let ranges = generation.ranges();
        let begun = after.and_then(|after| ranges.iter().position(|range| range.contains(after)));
        for range in &ranges[begun.unwrap_or(0)..] {
            ended.append(&mut keys_within(engine, range, after, limit - ended.len())?);
        }
        if ended.len() == limit {
            break;
        }
        ended.push(mark);
    }
    Ok(ended)
}

/// Returns at most `limit` keys of a range, starting after `after` if that is within the range.
fn keys_within(
    engine: &EmbeddedEngine,
    range: &Range<UserKey>,
    after: Option<&UserKey>,
    limit: usize,
) -> StoreResult<Vec<UserKey>> {
    let first =
        after.filter(|after| range.contains(*after)).map_or(Bound::Included(&range.start), Bound::Excluded);
    engine.trial_keys((first, Bound::Excluded(&range.end)), limit)
}

/// The keys to remove together with `key`: the key itself, its row of the expiry index and, for a trial, its rows of resources.
pub(super) fn removal(reader: &impl TrialReader, key: &UserKey) -> StoreResult<Vec<UserKey>> {
    let mut keys = vec![key.clone()];
    if let Some((forget_time, mut resources)) = extent(reader, key)? {
        keys.push(trial_key::expiry_key(forget_time, key));
        keys.append(&mut resources);
    }
    Ok(keys)
}

/// The forget time of the trial that a key names, directly or as a binding. If the key names the trial directly, also the keys of
/// its rows of resources. `None` if there is no such trial.
fn extent(reader: &impl TrialReader, key: &UserKey) -> StoreResult<Option<(Timestamp, Vec<UserKey>)>> {
    let (generation, id, is_bound) = match trial_key::parse_trial_key(key)? {
        TrialKey::Trial(generation, id) => (generation, id, false),
        TrialKey::Binding(generation, _) => match reader.read(key)? {
            Some(id) => (generation, record::decode_trial_id(&id)?, true),
            None => return Ok(None),
        },
        TrialKey::Ended(_) => return Ok(None),
    };
    let Some(trial) = reader.read(&generation.trial(id))? else { return Ok(None) };
    let (forget_time, rows) = format::decode_trial_extent(&trial)?;
    let rows = if is_bound { 0 } else { rows };
    Ok(Some((forget_time, (0..rows).map(|number| generation.resources(id, number)).collect())))
}

/// Removes rows of the expiry index whose days are over, and the records that they refer to if those may be forgotten.
pub(super) struct RemoveExpiredTrials {
    pub rows: Vec<UserKey>,
    /// The time of the search. The wall clock may step between search and commit; only records that are expired at both times are
    /// removed.
    pub expired_by: Timestamp,
}

impl BatchCommand for RemoveExpiredTrials {
    type Outcome = ();

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<()> {
        let now = self.expired_by.min(transaction.now);
        for row in &self.rows {
            match expired(transaction, row, now) {
                Ok(keys) => remove(transaction, &keys),
                // One unreadable trial must not prevent the removal of others.
                Err(StoreError::Corrupt(error)) => {
                    tracing::warn!(error, "forgotten trial cannot be decoded and is not removed");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The keys to remove for a row of the expiry index.
fn expired(reader: &Transaction<'_>, row: &UserKey, now: Timestamp) -> StoreResult<Vec<UserKey>> {
    let key = trial_key::parse_expiry_key(row)?;
    match extent(reader, &key)? {
        Some((forget_time, _)) if now < forget_time => {
            // Either the key was bound to a new trial in the meantime and has another row, or the clock has gone back.
            let is_listed_elsewhere = trial_key::expiry_key(forget_time, &key) != *row;
            Ok(is_listed_elsewhere.then(|| row.clone()).into_iter().collect())
        }
        _ => Ok([vec![row.clone()], removal(reader, &key)?].concat()),
    }
}

/// Removes records of ended generations, and the marks of these generations.
pub(super) struct RemoveStaleTrials {
    pub keys: Vec<UserKey>,
}

impl BatchCommand for RemoveStaleTrials {
    type Outcome = ();

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<()> {
        for key in &self.keys {
            match removal(transaction, key) {
                Ok(keys) => remove(transaction, &keys),
                // No decision reads this record. Its row of the index is removed when its day is over.
                Err(StoreError::Corrupt(_)) => remove(transaction, std::slice::from_ref(key)),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn remove(transaction: &mut Transaction<'_>, keys: &[UserKey]) {
    for key in keys {
        transaction.put_trial(key, None);
    }
}
