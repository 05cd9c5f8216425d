//! The `Codes` port.

use std::sync::PoisonError;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use uuid::Uuid;

use super::{
    code_operation::{AdoptCode, InsertCode, ReleaseCode},
    engine::EmbeddedEngine,
    handle::{EmbeddedStore, closed},
    record,
    scan::scan,
};
use crate::domain::{
    id::EnvironmentName,
    port::{Codes, Insertion, LedgerEntry, LedgerKey, Signals, StoreResult},
    registration_code::{CodeEntry, CodeKey, RegistrationCode},
};

#[async_trait]
impl Codes for EmbeddedStore {
    async fn insert_if_absent(
        &self,
        registration: &RegistrationCode,
        max_live: u64,
        entry: Option<(&LedgerKey, LedgerEntry)>,
    ) -> StoreResult<Insertion> {
        self.submit(InsertCode::new(registration, max_live, entry)?).await
    }

    async fn adopt(&self, registration: &RegistrationCode) -> StoreResult<()> {
        self.submit(AdoptCode::new(registration)?).await
    }

    async fn get(&self, key: &CodeKey) -> StoreResult<Option<CodeEntry>> {
        let engine = self.core.engine()?;
        let engine = engine.as_ref().ok_or_else(closed)?;
        let key = record::code_key(key);
        let Some(found) = engine.find_in_moving_buckets(&key)? else { return Ok(None) };
        let entry = entry(engine, &key, &found)?;
        Ok(Some(entry).filter(|entry| entry.holds_code(self.core.clock.now())))
    }

    async fn release(&self, key: &CodeKey, id: Uuid) -> StoreResult<bool> {
        self.submit(ReleaseCode::new(key, id)).await
    }

    async fn watch(&self, key: &CodeKey) -> StoreResult<Signals> {
        self.core.engine()?;
        Ok(self.core.watched_codes.watch(record::code_key(key)))
    }

    fn scan(&self) -> BoxStream<'static, StoreResult<CodeEntry>> {
        scan(&self.core, vec![record::CODE], |engine, key, value, now| {
            let entry = entry(engine, key, value)?;
            Ok(Some(entry).filter(|entry| entry.holds_code(now)))
        })
    }

    async fn live_codes(&self) -> StoreResult<Vec<(EnvironmentName, u64)>> {
        self.core.engine()?;
        let mut live = self.core.live.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(live.all(self.core.clock.now()))
    }
}

/// Decodes the value of a code's key, as a tombstone if the record was released.
fn entry(engine: &EmbeddedEngine, key: &[u8], record: &[u8]) -> StoreResult<CodeEntry> {
    let release = engine.find_in_moving_buckets(&record::release_key(key))?;
    record::decode_code(record, release.as_deref())
}
