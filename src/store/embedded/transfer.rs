//! The `Transfer` port.

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};

use super::{
    code_operation::RestoreCode,
    handle::{EmbeddedStore, closed},
    scan::scan,
    trial_key::{self, TrialKey},
    trial_operation::{self, RestoreHolding},
    trials::ReadView,
};
use crate::domain::{
    ledger_kind::LedgerKind,
    port::{Codes, HeldTrial, Ledger, LedgerEntry, Restoration, StoreResult, Transfer, TrialHolding},
    registration_code::CodeEntry,
    temp_pass::{Holder, TempPassKey},
};

#[async_trait]
impl Transfer for EmbeddedStore {
    fn codes(&self) -> BoxStream<'static, StoreResult<CodeEntry>> {
        Codes::scan(self)
    }

    async fn restore_code(&self, entry: &CodeEntry) -> StoreResult<Restoration> {
        self.submit(RestoreCode::new(entry)?).await
    }

    /// Does nothing: the commit that stores a code also counts it.
    async fn recount_codes(&self) -> StoreResult<()> {
        Ok(())
    }

    fn holdings(&self) -> BoxStream<'static, StoreResult<TrialHolding>> {
        let core = self.core.clone();
        let scans = trial_key::BINDING_PREFIXES.map(|prefix| {
            scan(&core, prefix.to_vec(), |engine, key, _, now| {
                let TrialKey::Binding(generation, holder) = trial_key::parse_trial_key(key)? else {
                    return Ok(None);
                };
                let view = ReadView::of(engine);
                if trial_operation::generation(&view, &generation.temp_pass)? != generation {
                    return Ok(None);
                }
                let held = trial_operation::held(&view, &generation, &holder)?;
                let held = held.filter(|held| now < held.forget_time());
                Ok(held.map(|held| TrialHolding { temp_pass: generation.temp_pass, holder, held }))
            })
        });
        stream::iter(scans).flatten().boxed()
    }

    async fn holding(&self, temp_pass: &TempPassKey, holder: &Holder) -> StoreResult<Option<HeldTrial>> {
        let engine = self.core.engine()?;
        let view = ReadView::of(engine.as_ref().ok_or_else(closed)?);
        let generation = trial_operation::generation(&view, temp_pass)?;
        let held = trial_operation::held(&view, &generation, holder)?;
        Ok(held.filter(|held| self.core.clock.now() < held.forget_time()))
    }

    async fn restore_holding(&self, holding: &TrialHolding) -> StoreResult<Restoration> {
        self.submit(RestoreHolding(holding.clone())).await
    }

    fn entries(&self, kind: LedgerKind) -> BoxStream<'static, StoreResult<(Vec<u8>, LedgerEntry)>> {
        Ledger::scan(self, kind)
    }
}
