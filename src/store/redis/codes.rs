//! The `Codes` port.
//!
//! A code and the count of its environment's codes are in different slots. They are changed concurrently. If the count is at its
//! limit, the code is removed before its caller receives it. If a process fails between the two changes, the count is too high by
//! one until the code would have expired. It is never too low.
//!
//! A code and the ledger entry that is stored with it are also in different slots. The entry is stored first, and contains the
//! record until that is stored too. A caller that finds such an entry stores the record, possibly again ([`PendingRecord`]). Either
//! both exist or neither does.

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use uuid::Uuid;

use super::{
    RedisStore,
    code_value::{self, key_end},
    key,
    ledger::{PendingRecord, StoredEntry},
    live_count::CountDecision,
    script::{self, EngineCall},
};
use crate::domain::{
    clock::Timestamp,
    error::StoreError,
    id::EnvironmentName,
    port::{Codes, Insertion, Ledger, LedgerEntry, LedgerKey, Signals, StoreResult},
    registration_code::{CodeEntry, CodeKey, RegistrationCode},
};

/// The results of the insertion script: stored now, or stored before.
pub(super) const STORED: u64 = 1;
const STORED_BEFORE: u64 = 2;

/// The maximum number of times that the entry may be replaced before a create fails.
const MAX_ATTEMPTS: usize = 8;

#[async_trait]
impl Codes for RedisStore {
    async fn insert_if_absent(
        &self,
        registration: &RegistrationCode,
        max_live: u64,
        entry: Option<(&LedgerKey, LedgerEntry)>,
    ) -> StoreResult<Insertion> {
        let value = code_value::encode(registration)?;
        let Some((key, entry)) = entry else {
            return self.insert_record(registration, value, max_live).await;
        };
        let pending = PendingRecord { value: value.clone() };
        let stored = StoredEntry::pending(entry, &pending);
        for _ in 0..MAX_ATTEMPTS {
            let Some(present) = self.put(key, &stored).await? else {
                return self.insert_after_entry(registration, value, max_live, key, &stored).await;
            };
            if let Some(entry) = self.settle(key, present).await? {
                return Ok(Insertion::Repeated(entry));
            }
        }
        Err(StoreError::Unavailable(
            "too many concurrent creates with the same request_id; try again".to_owned(),
        ))
    }

    async fn adopt(&self, registration: &RegistrationCode) -> StoreResult<()> {
        let [code, channel] = key::code(&registration.key());
        let adopt = EngineCall::script(&script::CODE_ADOPT, [code])
            .arg(code_value::encode(registration)?)
            .number(key_end(registration.forget_time()))
            .signaling(Some(channel));
        let ended: i64 = self.engine().call(adopt).await?;
        let Ok(ended) = u64::try_from(ended) else { return Ok(()) };
        let ended = (ended > 0).then(|| Timestamp::from_millis(ended));
        self.register_environment(&registration.environment).await?;
        self.live_counts().exchange(&registration.environment, registration.expire_time, ended).await
    }

    async fn get(&self, key: &CodeKey) -> StoreResult<Option<CodeEntry>> {
        let [code, _] = key::code(key);
        let value: Option<Vec<u8>> = self.engine().call(EngineCall::command("GET", [code])).await?;
        value.map(|value| code_value::decode(&value)).transpose()
    }

    async fn release(&self, key: &CodeKey, id: Uuid) -> StoreResult<bool> {
        let [code, channel] = key::code(key);
        let release =
            EngineCall::script(&script::CODE_RELEASE, [code]).arg(id.as_bytes()).signaling(Some(channel));
        let end: u64 = self.engine().call(release).await?;
        if end == 0 {
            return Ok(false);
        }
        self.live_counts().remove(&key.environment, Timestamp::from_millis(end)).await;
        Ok(true)
    }

    async fn watch(&self, key: &CodeKey) -> StoreResult<Signals> {
        let [_, channel] = key::code(key);
        self.signals().watch(channel).await
    }

    fn scan(&self) -> BoxStream<'static, StoreResult<CodeEntry>> {
        self.values(self.scan_keys(key::CODES.to_owned()))
            .map(|found| found.and_then(|(_, value)| code_value::decode(&value)))
            .boxed()
    }

    async fn live_codes(&self) -> StoreResult<Vec<(EnvironmentName, u64)>> {
        let names: Vec<String> = self
            .engine()
            .call_unacknowledged(EngineCall::command("SMEMBERS", [key::ENVIRONMENTS.to_vec()]))
            .await?;
        let mut live = Vec::new();
        for name in names {
            let name = EnvironmentName::parse("environment", &name)
                .map_err(|_| StoreError::Corrupt("invalid name of an environment".to_owned()))?;
            let total = self.live_counts().total(&name).await?;
            live.push((name, total));
        }
        Ok(live)
    }
}

impl RedisStore {
    /// Stores a record and counts it, or neither.
    async fn insert_record(
        &self,
        registration: &RegistrationCode,
        value: Vec<u8>,
        max_live: u64,
    ) -> StoreResult<Insertion> {
        self.register_environment(&registration.environment).await?;
        let insert = insertion(&registration.key(), value, registration.forget_time());
        let count = self.count(registration, max_live);
        let (inserted, count) = tokio::join!(self.engine().call::<u64>(insert), count);
        match (inserted, count) {
            (Ok(STORED), Ok(CountDecision::Room)) => Ok(Insertion::Inserted),
            (Ok(STORED), Ok(CountDecision::Full { next_expiry })) => {
                self.forget(registration).await?;
                Ok(Insertion::Full { next_expiry })
            }
            (Ok(STORED), Err(error)) => {
                self.forget(registration).await?;
                Err(error)
            }
            (Ok(_), Ok(CountDecision::Room)) => {
                self.live_counts().remove(&registration.environment, registration.expire_time).await;
                Ok(Insertion::Taken)
            }
            // A full environment takes precedence over a taken code.
            (Ok(_), Ok(CountDecision::Full { next_expiry })) => Ok(Insertion::Full { next_expiry }),
            (Ok(_), Err(error)) | (Err(error), _) => Err(error),
        }
    }

    /// Stores a record after its entry.
    async fn insert_after_entry(
        &self,
        registration: &RegistrationCode,
        value: Vec<u8>,
        max_live: u64,
        key: &LedgerKey,
        stored: &StoredEntry,
    ) -> StoreResult<Insertion> {
        let inserted = self.insert_pending(registration, value, max_live).await?;
        match inserted {
            Insertion::Inserted => self.remove_record(key, stored),
            _ if self.replace(key, Some(stored), None).await? => {}
            // A repeat has found the entry and stored its record.
            _ => {
                if let Some(entry) = Ledger::get(self, key).await? {
                    return Ok(Insertion::Repeated(entry));
                }
            }
        }
        Ok(inserted)
    }

    /// Stores a record that other callers may store too, because it is in its entry.
    async fn insert_pending(
        &self,
        registration: &RegistrationCode,
        value: Vec<u8>,
        max_live: u64,
    ) -> StoreResult<Insertion> {
        self.register_environment(&registration.environment).await?;
        if let CountDecision::Full { next_expiry } = self.count(registration, max_live).await? {
            return Ok(Insertion::Full { next_expiry });
        }
        let insert = insertion(&registration.key(), value, registration.forget_time());
        let stored: u64 = self.engine().call(insert).await?;
        if stored != STORED {
            self.live_counts().remove(&registration.environment, registration.expire_time).await;
        }
        Ok(if matches!(stored, STORED | STORED_BEFORE) { Insertion::Inserted } else { Insertion::Taken })
    }

    /// Stores the pending record of an entry. Returns false if another record has the code.
    pub(super) async fn complete(
        &self,
        record: &RegistrationCode,
        pending: PendingRecord,
    ) -> StoreResult<bool> {
        // The limit does not apply: the entry is visible to callers now, so its record must be stored.
        let inserted = self.insert_pending(record, pending.value, u64::MAX).await?;
        Ok(inserted == Insertion::Inserted)
    }

    async fn count(&self, registration: &RegistrationCode, max_live: u64) -> StoreResult<CountDecision> {
        self.live_counts().add(&registration.environment, registration.expire_time, max_live).await
    }

    /// Removes a record that no caller has received.
    pub(super) async fn forget(&self, registration: &RegistrationCode) -> StoreResult<()> {
        let [code, _] = key::code(&registration.key());
        let forget = EngineCall::script(&script::CODE_FORGET, [code]).arg(registration.id.as_bytes());
        self.engine().call::<u64>(forget).await.map(drop)
    }
}

pub(super) fn insertion(key: &CodeKey, value: Vec<u8>, forget_time: Timestamp) -> EngineCall {
    let [code, channel] = key::code(key);
    EngineCall::script(&script::CODE_INSERT, [code])
        .arg(value)
        .number(key_end(forget_time))
        .signaling(Some(channel))
}
