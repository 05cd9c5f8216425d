//! The `Transfer` port.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    RedisStore,
    cell::{Cell, MAX_ATTEMPTS, contended},
    code_value,
    codes::{STORED, insertion},
    key,
    scan::READS,
    trials::{FollowedBinding, content},
};
use crate::{
    domain::{
        id::EnvironmentName,
        ledger_kind::LedgerKind,
        port::{Codes, HeldTrial, LedgerEntry, Restoration, StoreResult, Transfer, TrialHolding},
        registration_code::{CodeEntry, CodeState},
        temp_pass::{Holder, KnownTrial, TempPassKey},
    },
    format::{TrialCell, TrialCellContent},
};

#[async_trait]
impl Transfer for RedisStore {
    fn codes(&self) -> BoxStream<'static, StoreResult<CodeEntry>> {
        self.values(self.scan_keys_with_duplicates(key::CODES.to_owned()))
            .map(|found| found.and_then(|(_, value)| code_value::decode(&value)))
            .boxed()
    }

    async fn restore_code(&self, entry: &CodeEntry) -> StoreResult<Restoration> {
        let CodeEntry { registration, release_time } = entry;
        if !entry.holds_code(self.clock().now()) {
            return Ok(Restoration::Ended);
        }
        let value = code_value::encode_released(registration, *release_time)?;
        let insert = insertion(&registration.key(), value, registration.forget_time());
        if self.engine().call::<u64>(insert).await? == STORED {
            return Ok(Restoration::Restored);
        }
        Ok(match Codes::get(self, &registration.key()).await? {
            Some(present) if present == *entry => Restoration::Present,
            Some(_) => Restoration::Differs,
            // The record that held the code has just expired.
            None => Restoration::Ended,
        })
    }

    /// Counts the codes that exist, so that an interrupted copy does not leave wrong counts.
    async fn recount_codes(&self) -> StoreResult<()> {
        let mut environments: HashMap<EnvironmentName, BTreeMap<u64, usize>> = HashMap::new();
        let mut codes = Transfer::codes(self);
        while let Some(entry) = codes.try_next().await? {
            let is_live = entry.state(self.clock().now()) == CodeState::Pending;
            let seconds = environments.entry(entry.registration.environment).or_default();
            if is_live {
                let second = entry.registration.expire_time.as_secs_rounded_up();
                *seconds.entry(second).or_default() += 1;
            }
        }
        for (environment, seconds) in environments {
            self.register_environment(&environment).await?;
            self.live_counts().replace(&environment, &seconds).await?;
        }
        Ok(())
    }

    fn holdings(&self) -> BoxStream<'static, StoreResult<TrialHolding>> {
        let (store, settling) = (self.clone(), self.clone());
        let scans =
            [key::DEVICES, key::USERS].map(|prefix| self.scan_keys_with_duplicates(prefix.to_owned()));
        stream::once(async move { settling.settle_cells().await })
            .try_filter_map(|()| async { Ok(None) })
            .chain(stream::iter(scans).flatten())
            .map_ok(move |key| {
                let store = store.clone();
                async move {
                    let (temp_pass, holder) = key::parse_cell(&key)?;
                    let held = Transfer::holding(&store, &temp_pass, &holder).await?;
                    Ok(held.map(|held| TrialHolding { temp_pass, holder, held }))
                }
            })
            .try_buffer_unordered(READS)
            .try_filter_map(|holding| async move { Ok(holding) })
            .boxed()
    }

    async fn holding(&self, temp_pass: &TempPassKey, holder: &Holder) -> StoreResult<Option<HeldTrial>> {
        for attempt in 0..MAX_ATTEMPTS {
            let generation = self.generation(temp_pass).await?;
            let (cell, mut now) = self.read_cell(key::cell(temp_pass, holder)).await?;
            let mut homes = Vec::new();
            let followed = self.follow(temp_pass, generation, &cell, &[&cell], &mut homes, &mut now).await?;
            if !matches!(followed, FollowedBinding::Later(_)) {
                let known = followed.known().filter(|known| known.counts(now));
                return Ok(known.map(|KnownTrial { id, trial }| HeldTrial::new(holder, id, trial)));
            }
            self.back_off(attempt).await;
        }
        Err(contended())
    }

    async fn restore_holding(&self, holding: &TrialHolding) -> StoreResult<Restoration> {
        let TrialHolding { temp_pass, holder, held } = holding;
        let forget_time = held.forget_time();
        if forget_time <= self.clock().now() {
            return Ok(Restoration::Ended);
        }
        let wanted = match held.clone() {
            HeldTrial::Own { id, trial } => TrialCellContent::Own(KnownTrial { id, trial }),
            HeldTrial::Bound { home, id, .. } => TrialCellContent::Bound { home, id },
        };
        let generation = self.generation(temp_pass).await?;
        let value = TrialCell { generation, content: wanted.clone() }.encode()?;
        let (mut cell, mut now) = (Cell::absent(key::cell(temp_pass, holder)), self.clock().now());
        for attempt in 0..MAX_ATTEMPTS {
            let key = cell.key.clone();
            if self.change_cells(&[(cell, Some((value.clone(), forget_time)))], now).await? {
                return Ok(Restoration::Restored);
            }
            (cell, now) = self.read_cell(key).await?;
            // A cell of another generation is void, and is overwritten.
            if let Ok(present) = content(&cell, generation)? {
                return Ok(if present == wanted { Restoration::Present } else { Restoration::Differs });
            }
            self.back_off(attempt).await;
        }
        Err(contended())
    }

    fn entries(&self, kind: LedgerKind) -> BoxStream<'static, StoreResult<(Vec<u8>, LedgerEntry)>> {
        self.entries_at(kind, self.scan_keys_with_duplicates(key::ledger_prefix(kind)))
    }
}

impl RedisStore {
    /// Resolves the locks of changes that failed servers have left incomplete. A cell that such a change creates exists only as a
    /// lock.
    async fn settle_cells(&self) -> StoreResult<()> {
        self.scan_keys_with_duplicates(key::LOCKS.to_owned())
            .map_ok(|lock| self.read_cell(lock.get(key::LOCKS.len()..).unwrap_or_default().to_vec()))
            .try_buffer_unordered(READS)
            .try_for_each(|_| async { Ok(()) })
            .await
    }
}
