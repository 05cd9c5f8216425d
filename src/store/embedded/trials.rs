//! The `Trials` port.

use async_trait::async_trait;
use fjall::{Readable, Snapshot, UserKey, UserValue};
use futures_core::stream::BoxStream;
use uuid::Uuid;

use super::{
    engine::{EmbeddedEngine, unavailable},
    handle::{EmbeddedStore, closed},
    scan::scan,
    trial_key::{self, TrialKey},
    trial_operation::{self, AuthorizeTrial, ResetTrials, TrialReader},
};
use crate::domain::{
    port::{Authorization, StoreResult, TrialVerdict, Trials},
    temp_pass::{ResetTarget, TempPassKey, TempPassRule, Trial, TrialApplication, TrialIdentity, TrialView},
};

/// A consistent view of the trials: related records are read from one snapshot.
pub(super) struct ReadView<'a> {
    engine: &'a EmbeddedEngine,
    snapshot: Snapshot,
}

impl<'a> ReadView<'a> {
    pub(super) fn of(engine: &'a EmbeddedEngine) -> Self {
        Self { engine, snapshot: engine.snapshot() }
    }
}

impl TrialReader for ReadView<'_> {
    fn read(&self, key: &UserKey) -> StoreResult<Option<UserValue>> {
        self.snapshot.get(&self.engine.trials, key).map_err(unavailable)
    }
}

#[async_trait]
impl Trials for EmbeddedStore {
    async fn authorize(&self, authorization: Authorization) -> StoreResult<TrialVerdict> {
        {
            let engine = self.core.engine()?;
            let engine = engine.as_ref().ok_or_else(closed)?;
            let view = ReadView::of(engine);
            let (verdict, writes) = trial_operation::authorize(&view, &authorization, self.core.clock.now())?;
            // Most authorizations are for a running trial and change nothing, so they need no commit.
            if writes.is_empty() {
                return Ok(verdict);
            }
        }
        self.submit(AuthorizeTrial(authorization)).await
    }

    async fn get(
        &self,
        temp_pass: &TempPassKey,
        rule: &TempPassRule,
        identity: &TrialIdentity,
    ) -> StoreResult<TrialView> {
        let engine = self.core.engine()?;
        let engine = engine.as_ref().ok_or_else(closed)?;
        trial_operation::view(&ReadView::of(engine), temp_pass, rule, identity, self.core.clock.now())
    }

    async fn reset(
        &self,
        temp_pass: &TempPassKey,
        target: &ResetTarget,
        application: &TrialApplication,
    ) -> StoreResult<Option<u64>> {
        let (temp_pass, target) = (temp_pass.clone(), target.clone());
        self.submit(ResetTrials { temp_pass, target, application: application.clone() }).await
    }

    fn scan(&self) -> BoxStream<'static, StoreResult<(TempPassKey, Uuid, Trial)>> {
        scan(&self.core, trial_key::TRIAL_PREFIX.to_vec(), |engine, key, _, now| {
            let TrialKey::Trial(generation, id) = trial_key::parse_trial_key(key)? else { return Ok(None) };
            let view = ReadView::of(engine);
            if trial_operation::generation(&view, &generation.temp_pass)? != generation {
                return Ok(None);
            }
            // Read the record from the same snapshot as its rows: the trial may have been reset since the scan began.
            let Some(value) = view.read(&key.into())? else { return Ok(None) };
            let trial = trial_operation::whole_trial(&view, &generation, id, &value)?;
            Ok((now < trial.forget_time).then_some((generation.temp_pass, id, trial)))
        })
    }
}
