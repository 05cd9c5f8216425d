//! The `Ledger` port, and entries with a pending record.

use std::time::Duration;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};

use super::{
    RedisStore,
    code_value::{self, key_end},
    key::{self, RedisKey},
    scan::READS,
    script::{self, EngineCall},
};
use crate::domain::{
    clock::Timestamp,
    error::StoreError,
    ledger_kind::LedgerKind,
    port::{Ledger, LedgerEntry, LedgerKey, Signals, StoreResult},
};

/// The first byte of an entry without a record.
const WITHOUT_RECORD: u8 = 1;

/// The first byte of an entry with a record, which may not be stored under its own key yet.
const WITH_RECORD: u8 = 2;

/// A code's record inside its ledger entry, which may not be stored under its own key yet.
pub(super) struct PendingRecord {
    /// The value of the code's key.
    pub value: Vec<u8>,
}

/// An entry in the engine: a kind byte and the value. With a record: a kind byte, the length of the value in four bytes, the value,
/// and the record. The entry's expiry is that of its key.
#[derive(Clone)]
pub(super) struct StoredEntry {
    bytes: Vec<u8>,
    end: Option<Timestamp>,
}

impl StoredEntry {
    pub(super) fn without_record(entry: &LedgerEntry) -> Self {
        Self { bytes: [&[WITHOUT_RECORD], entry.value.as_slice()].concat(), end: entry.expire_time }
    }

    pub(super) fn pending(entry: LedgerEntry, pending: &PendingRecord) -> Self {
        let length = u32::try_from(entry.value.len()).unwrap_or(u32::MAX).to_be_bytes();
        let bytes = [&[WITH_RECORD], length.as_slice(), &entry.value, &pending.value].concat();
        Self { bytes, end: entry.expire_time }
    }

    /// Converts the result of a script: the value and the expiry of its key.
    fn read((bytes, end): (Vec<u8>, i64)) -> Self {
        let end = u64::try_from(end).ok().map(|end| Timestamp::from_millis(end.saturating_add(1)));
        Self { bytes, end }
    }

    /// The entry, and its pending record if it has one.
    fn parse(&self) -> StoreResult<(LedgerEntry, Option<PendingRecord>)> {
        let entry = |value: &[u8]| LedgerEntry { value: value.to_vec(), expire_time: self.end };
        match self.bytes.split_first() {
            Some((&WITHOUT_RECORD, value)) => Ok((entry(value), None)),
            Some((&WITH_RECORD, rest)) => {
                let (length, rest) = rest.split_first_chunk().ok_or_else(unreadable)?;
                let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| unreadable())?;
                let (value, record) = rest.split_at_checked(length).ok_or_else(unreadable)?;
                Ok((entry(value), Some(PendingRecord { value: record.to_vec() })))
            }
            _ => Err(unreadable()),
        }
    }

    fn key_end(&self) -> String {
        self.end.map(|end| key_end(end).to_string()).unwrap_or_default()
    }
}

fn unreadable() -> StoreError {
    StoreError::Corrupt("ledger entry: invalid bytes".to_owned())
}

#[async_trait]
impl Ledger for RedisStore {
    async fn put_if_absent(&self, key: &LedgerKey, entry: LedgerEntry) -> StoreResult<Option<LedgerEntry>> {
        let stored = StoredEntry::without_record(&entry);
        loop {
            let Some(present) = self.put(key, &stored).await? else { return Ok(None) };
            if let Some(entry) = self.settle(key, present).await? {
                return Ok(Some(entry));
            }
        }
    }

    async fn get(&self, key: &LedgerKey) -> StoreResult<Option<LedgerEntry>> {
        match self.find(key).await? {
            Some(found) => self.settle(key, found).await,
            None => Ok(None),
        }
    }

    async fn swap(
        &self,
        key: &LedgerKey,
        expected: Option<&[u8]>,
        replacement: Option<LedgerEntry>,
    ) -> StoreResult<bool> {
        let replacement = replacement.as_ref().map(StoredEntry::without_record);
        loop {
            let before = self.find(key).await?;
            let present = match before.clone() {
                Some(found) => self.settle(key, found).await?,
                None => None,
            };
            if present.map(|entry| entry.value).as_deref() != expected {
                return Ok(false);
            }
            // Settling may have removed the record from the entry.
            let before = expected.map(|value| {
                before
                    .filter(|found| found.bytes.first() == Some(&WITHOUT_RECORD))
                    .unwrap_or_else(|| StoredEntry { bytes: [&[WITHOUT_RECORD], value].concat(), end: None })
            });
            if self.replace(key, before.as_ref(), replacement.as_ref()).await? {
                return Ok(true);
            }
        }
    }

    async fn lease(&self, key: &LedgerKey, holder: &[u8], term: Duration) -> StoreResult<bool> {
        let term = u64::try_from(term.as_millis()).unwrap_or(u64::MAX);
        let put = EngineCall::script(&script::LEDGER_PUT, [key::ledger(key)])
            .arg([&[WITHOUT_RECORD], holder].concat())
            .arg("PX")
            // The engine removes a key one millisecond later than the given time.
            .number(term.saturating_sub(1).max(1))
            .signaling(key::ledger_channel(key));
        let present: Option<(Vec<u8>, i64)> = self.engine().call(put).await?;
        Ok(present.is_none())
    }

    async fn watch(&self, kind: LedgerKind) -> StoreResult<Signals> {
        self.signals().watch(key::kind_channel(kind)).await
    }

    fn scan(&self, kind: LedgerKind) -> BoxStream<'static, StoreResult<(Vec<u8>, LedgerEntry)>> {
        let prefix = key::ledger_prefix(kind);
        // For kinds with many entries, deduplicating keys would take too much memory.
        let keys = if key::is_spread(kind) {
            self.scan_keys_with_duplicates(prefix)
        } else {
            self.scan_keys(prefix)
        };
        self.entries_at(kind, keys)
    }
}

impl RedisStore {
    /// The entries of a kind with these keys.
    pub(super) fn entries_at(
        &self,
        kind: LedgerKind,
        keys: BoxStream<'static, StoreResult<RedisKey>>,
    ) -> BoxStream<'static, StoreResult<(Vec<u8>, LedgerEntry)>> {
        let (store, length) = (self.clone(), key::ledger_prefix(kind).len());
        keys.map_ok(move |found| {
            let (store, name) = (store.clone(), found.get(length..).unwrap_or_default().to_vec());
            async move {
                let entry = Ledger::get(&store, &LedgerKey { kind, name: name.clone() }).await?;
                Ok(entry.map(|entry| (name, entry)))
            }
        })
        .try_buffer_unordered(READS)
        .try_filter_map(|found| async move { Ok(found) })
        .boxed()
    }

    /// Stores an entry if its key is free. Otherwise returns the entry that has the key.
    pub(super) async fn put(&self, key: &LedgerKey, entry: &StoredEntry) -> StoreResult<Option<StoredEntry>> {
        let put = EngineCall::script(&script::LEDGER_PUT, [key::ledger(key)]).arg(&entry.bytes);
        let put = match entry.end {
            Some(end) => put.arg("PXAT").number(key_end(end)),
            None => put.arg("").arg(""),
        };
        let put = put.signaling(key::ledger_channel(key));
        let present: Option<(Vec<u8>, i64)> = self.engine().call(put).await?;
        Ok(present.map(StoredEntry::read))
    }

    async fn find(&self, key: &LedgerKey) -> StoreResult<Option<StoredEntry>> {
        let find = EngineCall::script(&script::LEDGER_GET, [key::ledger(key)]);
        let found: Option<(Vec<u8>, i64)> = self.engine().call(find).await?;
        Ok(found.map(StoredEntry::read))
    }

    /// Returns the entry after storing its pending record, if any. If the record cannot be stored, removes the entry and returns
    /// `None`.
    pub(super) async fn settle(
        &self,
        key: &LedgerKey,
        stored: StoredEntry,
    ) -> StoreResult<Option<LedgerEntry>> {
        let (entry, pending) = stored.parse()?;
        let Some(pending) = pending else { return Ok(Some(entry)) };
        let record = code_value::decode(&pending.value)?.registration;
        if !self.complete(&record, pending).await? {
            self.replace(key, Some(&stored), None).await?;
            return Ok(None);
        }
        if self.replace(key, Some(&stored), Some(&StoredEntry::without_record(&entry))).await? {
            return Ok(Some(entry));
        }
        // Another caller was faster. If it has removed the entry, the record must not stay without its entry.
        let present = self.find(key).await?;
        if present.is_some_and(|present| present.bytes == StoredEntry::without_record(&entry).bytes) {
            return Ok(Some(entry));
        }
        self.forget(&record).await?;
        self.live_counts().remove(&record.environment, record.expire_time).await;
        Ok(None)
    }

    /// Removes the record from an entry once the record is stored under its own key. This runs in the background, because the
    /// entry means the same with the record.
    pub(super) fn remove_record(&self, key: &LedgerKey, stored: &StoredEntry) {
        let (store, key, stored) = (self.clone(), key.clone(), stored.clone());
        self.tasks().spawn(async move {
            let Ok((entry, Some(_))) = stored.parse() else { return };
            if let Err(error) =
                store.replace(&key, Some(&stored), Some(&StoredEntry::without_record(&entry))).await
            {
                tracing::debug!(%error, "ledger entry keeps its stored record until it expires");
            }
        });
    }

    /// Compare-and-swap: replaces an entry with another one if it still equals `before`.
    pub(super) async fn replace(
        &self,
        key: &LedgerKey,
        before: Option<&StoredEntry>,
        after: Option<&StoredEntry>,
    ) -> StoreResult<bool> {
        let given = |entry: Option<&StoredEntry>| if entry.is_some() { "1" } else { "0" };
        let bytes = |entry: Option<&StoredEntry>| entry.map(|entry| entry.bytes.clone()).unwrap_or_default();
        let swap = EngineCall::script(&script::LEDGER_SWAP, [key::ledger(key)])
            .arg(given(before))
            .arg(bytes(before))
            .arg(given(after))
            .arg(bytes(after))
            .arg(after.map(StoredEntry::key_end).unwrap_or_default())
            .signaling(key::ledger_channel(key));
        let swapped: u64 = self.engine().call(swap).await?;
        Ok(swapped == 1)
    }
}
