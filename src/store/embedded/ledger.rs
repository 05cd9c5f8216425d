//! The `Ledger` port.

use std::time::Duration;

use async_trait::async_trait;
use futures_core::stream::BoxStream;

use super::{
    handle::{EmbeddedStore, closed},
    ledger_operation::{PutIfAbsent, SwapEntry, TakeLease, is_live},
    record,
    scan::scan,
};
use crate::domain::{
    ledger_kind::LedgerKind,
    port::{Ledger, LedgerEntry, LedgerKey, Signals, StoreResult},
};

#[async_trait]
impl Ledger for EmbeddedStore {
    async fn put_if_absent(&self, key: &LedgerKey, entry: LedgerEntry) -> StoreResult<Option<LedgerEntry>> {
        self.submit(PutIfAbsent::new(key, entry)?).await
    }

    async fn get(&self, key: &LedgerKey) -> StoreResult<Option<LedgerEntry>> {
        let engine = self.core.engine()?;
        let engine = engine.as_ref().ok_or_else(closed)?;
        let Some(value) = engine.find_ledger(&record::ledger_key(key))? else { return Ok(None) };
        let entry = record::decode_ledger(&value)?;
        Ok(Some(entry).filter(|entry| is_live(entry, self.core.clock.now())))
    }

    async fn swap(
        &self,
        key: &LedgerKey,
        expected: Option<&[u8]>,
        replacement: Option<LedgerEntry>,
    ) -> StoreResult<bool> {
        self.submit(SwapEntry::new(key, expected, replacement)?).await
    }

    async fn lease(&self, key: &LedgerKey, holder: &[u8], term: Duration) -> StoreResult<bool> {
        self.submit(TakeLease::new(key, holder, term)).await
    }

    async fn watch(&self, kind: LedgerKind) -> StoreResult<Signals> {
        self.core.engine()?;
        Ok(self.core.watched_kinds.watch(kind))
    }

    fn scan(&self, kind: LedgerKind) -> BoxStream<'static, StoreResult<(Vec<u8>, LedgerEntry)>> {
        let prefix = record::ledger_prefix(kind);
        let name_start = prefix.len();
        scan(&self.core, prefix, move |_, key, value, now| {
            let entry = record::decode_ledger(value)?;
            Ok(is_live(&entry, now).then(|| (key[name_start..].to_vec(), entry)))
        })
    }
}
