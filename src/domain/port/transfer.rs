//! The port for copying the content of a store to another one.

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use uuid::Uuid;

use super::{LedgerEntry, StoreResult};
use crate::domain::{
    clock::Timestamp,
    ledger_kind::LedgerKind,
    registration_code::CodeEntry,
    temp_pass::{Holder, HolderDigest, TempPassKey, Trial},
};

/// The outcome of restoring a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restoration {
    /// The record is stored.
    Restored,
    /// The same record was already stored.
    Present,
    /// A different record is stored under its key. Nothing was written.
    Differs,
    /// The record has expired. Nothing was written.
    Ended,
}

/// A holder of a trial (a device or a generic key), and what the store holds for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialHolding {
    /// The TempPass.
    pub temp_pass: TempPassKey,
    /// The device or generic key.
    pub holder: Holder,
    /// Its trial.
    pub held: HeldTrial,
}

/// The trial of a device or a generic key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldTrial {
    /// The device started the trial.
    Own {
        /// The trial's id.
        id: Uuid,
        /// The trial.
        trial: Trial,
    },
    /// Another device started the trial.
    Bound {
        /// The device that started the trial.
        home: HolderDigest,
        /// The trial's id.
        id: Uuid,
        /// When the retention of the trial, and of the binding, ends.
        forget_time: Timestamp,
    },
}

impl HeldTrial {
    /// Returns what the store holds for `holder` of a trial.
    #[must_use]
    pub fn new(holder: &Holder, id: Uuid, trial: Trial) -> Self {
        if *holder == Holder::Device(trial.device) {
            Self::Own { id, trial }
        } else {
            Self::Bound { home: trial.device, id, forget_time: trial.forget_time }
        }
    }

    /// Returns when the retention ends.
    #[must_use]
    pub fn forget_time(&self) -> Timestamp {
        match self {
            Self::Own { trial, .. } => trial.forget_time,
            Self::Bound { forget_time, .. } => *forget_time,
        }
    }
}

/// Reads and restores the content of a store. No other client may use the source or the target during a copy.
///
/// The streams use bounded memory, have no particular order, and leave out expired records. An engine that reorganizes
/// itself during a copy may return a record twice.
///
/// Restoring is idempotent, so an interrupted copy can be started again.
#[async_trait]
pub trait Transfer: Send + Sync {
    /// Returns every record and tombstone that is not past its quarantine.
    fn codes(&self) -> BoxStream<'static, StoreResult<CodeEntry>>;

    /// Stores a record or tombstone unchanged, without checking the limit of live codes. It counts as a live code after
    /// [`recount_codes`](Self::recount_codes).
    async fn restore_code(&self, entry: &CodeEntry) -> StoreResult<Restoration>;

    /// Recounts the live codes, after all of them are restored.
    async fn recount_codes(&self) -> StoreResult<()>;

    /// Returns every device and generic key that is bound to a trial which is neither reset nor past its retention.
    fn holdings(&self) -> BoxStream<'static, StoreResult<TrialHolding>>;

    /// Returns the trial of a device or a generic key, if it is neither reset nor past its retention.
    async fn holding(&self, temp_pass: &TempPassKey, holder: &Holder) -> StoreResult<Option<HeldTrial>>;

    /// Binds a device or a generic key to its trial. Also stores the trial if the device started it.
    async fn restore_holding(&self, holding: &TrialHolding) -> StoreResult<Restoration>;

    /// Returns every ledger entry of a kind, with its name.
    fn entries(&self, kind: LedgerKind) -> BoxStream<'static, StoreResult<(Vec<u8>, LedgerEntry)>>;
}
