//! A transaction: the reads and writes of one batch. Commands see the engine's state, overlaid with the batch's own writes.

use fjall::{Keyspace, OwnedWriteBatch, UserKey, UserValue};
use hashbrown::HashMap;

use super::{
    bucket,
    engine::{EmbeddedEngine, StoredRecord},
    index::BucketId,
    live_count::{BucketCount, LiveCount, expiry_second},
    record,
};
use crate::domain::{
    clock::Timestamp,
    id::EnvironmentName,
    ledger_kind::LedgerKind,
    port::{LedgerEntry, StoreResult},
    registration_code::CodeEntry,
};

/// The counters of every bucket that contains codes, by the id of the bucket's keyspace.
pub(super) type BucketCounts = HashMap<u64, BucketCount>;

/// A batch under construction.
pub(super) struct Transaction<'a> {
    /// The time at which all commands of the batch are decided.
    pub now: Timestamp,
    engine: &'a EmbeddedEngine,
    live: &'a mut LiveCount,
    counts: &'a mut BucketCounts,
    batch: OwnedWriteBatch,
    /// The last bucket that was written to, and its expiry. The next record usually belongs to the same bucket.
    last_bucket: Option<(Timestamp, Keyspace)>,
    /// The writes of the batch, with their keyspaces. `None` is a removal.
    written: HashMap<UserKey, (Keyspace, Option<UserValue>)>,
    /// The changed counters. A commit changes only a few, however many codes it contains.
    counters: HashMap<(u64, EnvironmentName, u64), (Keyspace, i64)>,
    changes: Changes,
}

/// The changes of a batch, for watchers and for the index.
#[derive(Default)]
pub(super) struct Changes {
    /// The keys of changed codes.
    pub codes: Vec<UserKey>,
    /// The kinds of changed ledger entries, without duplicates.
    pub kinds: Vec<LedgerKind>,
    /// Keys, and the buckets that they were removed from.
    pub removed: Vec<(UserKey, BucketId)>,
}

impl<'a> Transaction<'a> {
    /// Creates an empty batch.
    pub(super) fn new(
        now: Timestamp,
        engine: &'a EmbeddedEngine,
        live: &'a mut LiveCount,
        counts: &'a mut BucketCounts,
    ) -> Self {
        Self {
            now,
            engine,
            live,
            counts,
            batch: engine.batch(),
            last_bucket: None,
            written: HashMap::new(),
            counters: HashMap::new(),
            changes: Changes::default(),
        }
    }

    /// The value of a code's or a release's key, if present.
    pub(super) fn find_code(&self, key: &UserKey) -> StoreResult<Option<StoredRecord>> {
        match self.find_written(key) {
            Some(found) => Ok(found),
            None => self.engine.find_in_buckets(key),
        }
    }

    /// The value of a ledger entry's key, if present.
    pub(super) fn find_ledger(&self, key: &UserKey) -> StoreResult<Option<StoredRecord>> {
        if let Some(found) = self.find_written(key) {
            return Ok(found);
        }
        let lasting = &self.engine.lasting;
        match lasting.get(key).map_err(super::engine::unavailable)? {
            Some(value) => Ok(Some(StoredRecord { keyspace: lasting.clone(), value })),
            None => self.engine.find_in_buckets(key),
        }
    }

    /// The value of a key in the trials keyspace, if present.
    pub(super) fn find_trial(&self, key: &UserKey) -> StoreResult<Option<UserValue>> {
        match self.find_written(key) {
            Some(found) => Ok(found.map(|found| found.value)),
            None => self.engine.find_trial(key),
        }
    }

    /// Writes the value of a key in the trials keyspace. `None` removes it.
    pub(super) fn put_trial(&mut self, key: &UserKey, value: Option<UserValue>) {
        let trials = self.engine.trials.clone();
        match value {
            Some(value) => self.put(&trials, key, value, None),
            None => self.remove(&trials, key),
        }
    }

    /// The record or tombstone of a code, with its keyspace, if present.
    pub(super) fn find_entry(&self, key: &UserKey) -> StoreResult<Option<(StoredRecord, CodeEntry)>> {
        let Some(found) = self.find_code(key)? else { return Ok(None) };
        let release = self.find_code(&record::release_key(key))?;
        let entry = record::decode_code(&found.value, release.as_ref().map(|release| &*release.value))?;
        Ok(Some((found, entry)))
    }

    fn find_written(&self, key: &UserKey) -> Option<Option<StoredRecord>> {
        let (keyspace, value) = self.written.get(key)?;
        Some(value.clone().map(|value| StoredRecord { keyspace: keyspace.clone(), value }))
    }

    /// The keyspace for a ledger entry.
    pub(super) fn keyspace_for_ledger(&mut self, entry: &LedgerEntry) -> StoreResult<Keyspace> {
        match entry.expire_time {
            Some(end) if end.since(self.now) <= bucket::FARTHEST => self.bucket_until(end),
            _ => Ok(self.engine.lasting.clone()),
        }
    }

    /// The keyspace for a record that may be forgotten at `forget_time`.
    pub(super) fn bucket_until(&mut self, forget_time: Timestamp) -> StoreResult<Keyspace> {
        let end = bucket::end_for(forget_time, self.now);
        if let Some((last, keyspace)) = &self.last_bucket
            && *last == end
        {
            return Ok(keyspace.clone());
        }
        let keyspace = self.engine.bucket(end)?;
        self.last_bucket = Some((end, keyspace.clone()));
        Ok(keyspace)
    }

    /// Writes a record. If `before`, the previous record, is in another keyspace, removes it there: a key is never in two
    /// keyspaces.
    pub(super) fn put(
        &mut self,
        keyspace: &Keyspace,
        key: &UserKey,
        value: UserValue,
        before: Option<&StoredRecord>,
    ) {
        if let Some(before) = before.filter(|before| before.keyspace != *keyspace) {
            self.remove_from(&before.keyspace, key);
        }
        if self.engine.is_bucket(keyspace) {
            self.engine.index.add(key, BucketId::of(keyspace));
        }
        self.batch.insert(keyspace, key.clone(), value.clone());
        self.written.insert(key.clone(), (keyspace.clone(), Some(value)));
    }

    /// Removes a record.
    pub(super) fn remove(&mut self, keyspace: &Keyspace, key: &UserKey) {
        self.remove_from(keyspace, key);
        self.written.insert(key.clone(), (keyspace.clone(), None));
    }

    fn remove_from(&mut self, keyspace: &Keyspace, key: &UserKey) {
        self.batch.remove(keyspace, key.clone());
        if self.engine.is_bucket(keyspace) {
            self.changes.removed.push((key.clone(), BucketId::of(keyspace)));
        }
    }

    /// The number of live codes of an environment, including this batch.
    pub(super) fn live_codes(&mut self, environment: &EnvironmentName) -> u64 {
        self.live.live(environment, self.now)
    }

    /// The time by which the next code of an environment expires, or `now` if it has no live codes.
    pub(super) fn next_expiry(&self, environment: &EnvironmentName) -> Timestamp {
        self.live.next_expiry(environment).unwrap_or(self.now)
    }

    /// Counts a new live code.
    pub(super) fn add_live_code(
        &mut self,
        keyspace: &Keyspace,
        environment: &EnvironmentName,
        expire_time: Timestamp,
    ) {
        let second = expiry_second(expire_time);
        if expire_time > self.now {
            self.live.add(environment, second, 1);
            self.count(keyspace, environment, second, 1);
        }
    }

    /// Removes a code from the count before its expiry.
    pub(super) fn remove_live_code(
        &mut self,
        keyspace: &Keyspace,
        environment: &EnvironmentName,
        expire_time: Timestamp,
    ) {
        let second = expiry_second(expire_time);
        self.live.add(environment, second, -1);
        self.count(keyspace, environment, second, -1);
    }

    fn count(&mut self, keyspace: &Keyspace, environment: &EnvironmentName, second: u64, difference: i64) {
        let count = self.counts.entry(keyspace.id()).or_default().add(environment, second, difference);
        self.counters.insert((keyspace.id(), environment.clone(), second), (keyspace.clone(), count));
    }

    /// Signals the watchers of a code once the batch is durable.
    pub(super) fn code_changed(&mut self, key: &UserKey) {
        self.changes.codes.push(key.clone());
    }

    /// Signals the watchers of a ledger kind once the batch is durable.
    pub(super) fn kind_changed(&mut self, kind: LedgerKind) {
        if !self.changes.kinds.contains(&kind) {
            self.changes.kinds.push(kind);
        }
    }

    /// Completes the batch. Returns it with its changes.
    pub(super) fn finish(mut self) -> (OwnedWriteBatch, Changes) {
        for ((_, environment, second), (keyspace, count)) in self.counters {
            let key = record::counter_key(&environment, second);
            self.batch.insert(&keyspace, key, record::encode_counter(count));
        }
        // A key may have been removed from a bucket and then written to it again.
        let written = &self.written;
        let stays = |key: &UserKey, bucket| match written.get(key) {
            Some((keyspace, Some(_))) => BucketId::of(keyspace) == bucket,
            Some((_, None)) | None => false,
        };
        self.changes.removed.retain(|(key, bucket)| !stays(key, *bucket));
        (self.batch, self.changes)
    }
}
