//! How trials go: by the expiry index, once the day is over on which they are forgotten, and by walks through the
//! generations that resets of all have ended. Neither reads a trial that lives.
//!
//! Rows of the index, and the mark of an ended generation, are written with what makes them necessary, and go with what they
//! are about. A restart begins both anew, on what is left.

use std::ops::{Bound, Range};

use fjall::UserKey;

use super::{
    engine::Engine,
    operation::Command,
    record,
    transaction::Transaction,
    trial_key::{self, TrialKey},
    trial_operation::Look,
};
use crate::{
    domain::{clock::Timestamp, error::StoreError, port::StoreResult},
    format,
};

/// At most `limit` rows of the expiry index, after `after`, whose days are over.
pub(super) fn expired_rows(
    engine: &Engine,
    now: Timestamp,
    after: Option<&UserKey>,
    limit: usize,
) -> StoreResult<Vec<UserKey>> {
    keys_within(engine, &trial_key::expiry_range(now), after, limit)
}

/// At most `limit` keys of records whose generations have ended, and of the marks of those that have none left. `after` is the
/// last one that is known already.
pub(super) fn ended_keys(
    engine: &Engine,
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

/// At most `limit` keys of a range, after `after` where that lies within it.
fn keys_within(
    engine: &Engine,
    range: &Range<UserKey>,
    after: Option<&UserKey>,
    limit: usize,
) -> StoreResult<Vec<UserKey>> {
    let first =
        after.filter(|after| range.contains(*after)).map_or(Bound::Included(&range.start), Bound::Excluded);
    engine.trial_keys((first, Bound::Excluded(&range.end)), limit)
}

/// The keys that go when `key` does: itself, its row of the expiry index and, of a trial, its rows of resources.
pub(super) fn removal(look: &impl Look, key: &UserKey) -> StoreResult<Vec<UserKey>> {
    let mut keys = vec![key.clone()];
    if let Some((forget_time, mut resources)) = extent(look, key)? {
        keys.push(trial_key::expiry_key(forget_time, key));
        keys.append(&mut resources);
    }
    Ok(keys)
}

/// When the trial is forgotten that a key names, or that what it names is bound to; and the keys of its rows of resources if
/// the key names itself. `None` where there is no such trial.
fn extent(look: &impl Look, key: &UserKey) -> StoreResult<Option<(Timestamp, Vec<UserKey>)>> {
    let (generation, id, is_bound) = match trial_key::parse_trial_key(key)? {
        TrialKey::Trial(generation, id) => (generation, id, false),
        TrialKey::Binding(generation, _) => match look.look(key)? {
            Some(id) => (generation, record::decode_trial_id(&id)?, true),
            None => return Ok(None),
        },
        TrialKey::Ended(_) => return Ok(None),
    };
    let Some(trial) = look.look(&generation.trial(id))? else { return Ok(None) };
    let (forget_time, rows) = format::decode_trial_extent(&trial)?;
    let rows = if is_bound { 0 } else { rows };
    Ok(Some((forget_time, (0..rows).map(|number| generation.resources(id, number)).collect())))
}

/// Removes what the rows of days that are over are about, where that may be forgotten, and the rows.
pub(super) struct RemoveExpired {
    pub rows: Vec<UserKey>,
    /// When they were seen to be over: the wall clock of the commit may have stepped since.
    pub expired_by: Timestamp,
}

impl Command for RemoveExpired {
    type Outcome = ();

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<()> {
        let now = self.expired_by.min(transaction.now);
        for row in &self.rows {
            match expired(transaction, row, now) {
                Ok(keys) => remove(transaction, &keys),
                // One that cannot be read must not keep the others.
                Err(StoreError::Corrupt(error)) => {
                    tracing::warn!(error, "a forgotten trial cannot be read, and is left");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The keys that go on account of a row of the expiry index.
fn expired(look: &Transaction<'_>, row: &UserKey, now: Timestamp) -> StoreResult<Vec<UserKey>> {
    let key = trial_key::parse_expiry_key(row)?;
    match extent(look, &key)? {
        Some((forget_time, _)) if now < forget_time => {
            // Either it was bound anew meanwhile, and has another row, or the clock has gone back.
            let is_listed_elsewhere = trial_key::expiry_key(forget_time, &key) != *row;
            Ok(is_listed_elsewhere.then(|| row.clone()).into_iter().collect())
        }
        _ => Ok([vec![row.clone()], removal(look, &key)?].concat()),
    }
}

/// Removes records of generations that have ended, and the marks of these.
pub(super) struct RemoveEndedTrials {
    /// Their keys.
    pub keys: Vec<UserKey>,
}

impl Command for RemoveEndedTrials {
    type Outcome = ();

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<()> {
        for key in &self.keys {
            match removal(transaction, key) {
                Ok(keys) => remove(transaction, &keys),
                // No decision reads it; what it lists in the index goes by its day.
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
