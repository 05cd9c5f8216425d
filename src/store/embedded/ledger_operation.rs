//! The commands of the ledger.

use std::time::Duration;

use fjall::{Keyspace, UserKey, UserValue};

use super::{engine::StoredRecord, operation::BatchCommand, record, transaction::Transaction};
use crate::domain::{
    clock::Timestamp,
    ledger_kind::LedgerKind,
    port::{LedgerEntry, LedgerKey, StoreResult},
};

/// Whether the entry has not expired at `now`.
pub(super) fn is_live(entry: &LedgerEntry, now: Timestamp) -> bool {
    entry.expire_time.is_none_or(|end| now < end)
}

/// Stores an entry if its key is free.
pub(super) struct PutIfAbsent {
    kind: LedgerKind,
    key: UserKey,
    entry: LedgerEntry,
    value: UserValue,
}

impl PutIfAbsent {
    /// Prepares the command on the caller's thread.
    pub(super) fn new(key: &LedgerKey, entry: LedgerEntry) -> StoreResult<Self> {
        let value = record::encode_ledger(&entry)?;
        Ok(Self { kind: key.kind, key: record::ledger_key(key), entry, value })
    }

    /// The slot for the entry, or the live entry that already has its key.
    pub(super) fn location(
        &self,
        transaction: &mut Transaction<'_>,
    ) -> StoreResult<Result<EntryLocation, LedgerEntry>> {
        let (before, present) = look_up(transaction, &self.key)?;
        Ok(match present {
            Some(present) => Err(present),
            None => Ok(EntryLocation { keyspace: transaction.keyspace_for_ledger(&self.entry)?, before }),
        })
    }

    /// Writes the entry to its slot.
    pub(super) fn put(&self, transaction: &mut Transaction<'_>, location: &EntryLocation) {
        transaction.put(&location.keyspace, &self.key, self.value.clone(), location.before.as_ref());
        transaction.kind_changed(self.kind);
    }
}

/// The keyspace for an entry, and the expired entry that it replaces, if any.
pub(super) struct EntryLocation {
    keyspace: Keyspace,
    before: Option<StoredRecord>,
}

impl BatchCommand for PutIfAbsent {
    type Outcome = Option<LedgerEntry>;

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<Option<LedgerEntry>> {
        match self.location(transaction)? {
            Ok(location) => {
                self.put(transaction, &location);
                Ok(None)
            }
            Err(present) => Ok(Some(present)),
        }
    }
}

/// Stores an entry if its key is free. The lease duration starts at the commit.
pub(super) struct TakeLease {
    key: LedgerKey,
    holder: Vec<u8>,
    term: Duration,
}

impl TakeLease {
    /// A lease on the key for `holder`.
    pub(super) fn new(key: &LedgerKey, holder: &[u8], term: Duration) -> Self {
        Self { key: key.clone(), holder: holder.to_vec(), term }
    }
}

impl BatchCommand for TakeLease {
    type Outcome = bool;

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<bool> {
        let end = transaction.now + self.term;
        let entry = LedgerEntry { value: self.holder.clone(), expire_time: Some(end) };
        Ok(PutIfAbsent::new(&self.key, entry)?.decide(transaction)?.is_none())
    }
}

/// Compare-and-swap: replaces or removes an entry if its value is the one that the caller expects.
pub(super) struct SwapEntry {
    kind: LedgerKind,
    key: UserKey,
    expected: Option<Vec<u8>>,
    replacement: Option<(LedgerEntry, UserValue)>,
}

impl SwapEntry {
    /// Prepares the command on the caller's thread.
    pub(super) fn new(
        key: &LedgerKey,
        expected: Option<&[u8]>,
        replacement: Option<LedgerEntry>,
    ) -> StoreResult<Self> {
        let replacement = match replacement {
            Some(entry) => {
                let value = record::encode_ledger(&entry)?;
                Some((entry, value))
            }
            None => None,
        };
        let expected = expected.map(<[u8]>::to_vec);
        Ok(Self { kind: key.kind, key: record::ledger_key(key), expected, replacement })
    }
}

impl BatchCommand for SwapEntry {
    type Outcome = bool;

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<bool> {
        let (before, present) = look_up(transaction, &self.key)?;
        if present.map(|entry| entry.value) != self.expected {
            return Ok(false);
        }
        match (&self.replacement, before) {
            (Some((entry, value)), before) => {
                let keyspace = transaction.keyspace_for_ledger(entry)?;
                transaction.put(&keyspace, &self.key, value.clone(), before.as_ref());
            }
            (None, Some(before)) => transaction.remove(&before.keyspace, &self.key),
            (None, None) => return Ok(true),
        }
        transaction.kind_changed(self.kind);
        Ok(true)
    }
}

/// Removes expired entries. Entries in buckets are deleted with their bucket; the few with a longer lifetime are removed one by
/// one.
pub(super) struct RemoveExpiredEntries {
    /// The keys of entries that were found to be expired.
    pub keys: Vec<UserKey>,
    /// The time of the search. The wall clock may step between search and commit; only records that are expired at both times are
    /// removed.
    pub ended_by: Timestamp,
}

impl BatchCommand for RemoveExpiredEntries {
    type Outcome = ();

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<()> {
        let now = self.ended_by.min(transaction.now);
        for key in &self.keys {
            // The entry may have been replaced since the search.
            if let (Some(before), None) = look_up_at(transaction, key, now)? {
                transaction.remove(&before.keyspace, key);
            }
        }
        Ok(())
    }
}

/// The record under the key, and its entry if that has not expired.
fn look_up(
    transaction: &Transaction<'_>,
    key: &UserKey,
) -> StoreResult<(Option<StoredRecord>, Option<LedgerEntry>)> {
    look_up_at(transaction, key, transaction.now)
}

fn look_up_at(
    transaction: &Transaction<'_>,
    key: &UserKey,
    now: Timestamp,
) -> StoreResult<(Option<StoredRecord>, Option<LedgerEntry>)> {
    let Some(found) = transaction.find_ledger(key)? else { return Ok((None, None)) };
    let entry = record::decode_ledger(&found.value)?;
    let present = is_live(&entry, now).then_some(entry);
    Ok((Some(found), present))
}
