//! What a store gives out, and takes in as it is, so that all that it holds can be copied to another one.

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use uuid::Uuid;

use super::{LedgerEntry, StoreResult};
use crate::domain::{
    clock::Timestamp,
    ledger_kind::LedgerKind,
    registration::CodeEntry,
    temp_pass::{Holder, HolderDigest, TempPassKey, Trial},
};

/// What became of a record that was to be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restoration {
    /// It is stored.
    Restored,
    /// It was there already, just as it is.
    Present,
    /// Something else has its place. Nothing was written.
    Differs,
    /// Its time is over. Nothing was written.
    Ended,
}

/// A device or a generic key of a TempPass, and the trial that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The TempPass.
    pub temp_pass: TempPassKey,
    /// Who.
    pub holder: Holder,
    /// What.
    pub held: Held,
}

/// The trial of a device or a generic key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// The device has started it.
    Own {
        /// The trial's id.
        id: Uuid,
        /// The trial.
        trial: Trial,
    },
    /// Another device has started it.
    Bound {
        /// That device.
        home: HolderDigest,
        /// The trial's id.
        id: Uuid,
        /// When the trial may be forgotten, and with it the binding.
        forget_time: Timestamp,
    },
}

impl Held {
    /// What `holder` has of a trial.
    #[must_use]
    pub fn new(holder: &Holder, id: Uuid, trial: Trial) -> Self {
        if *holder == Holder::Device(trial.device) {
            Self::Own { id, trial }
        } else {
            Self::Bound { home: trial.device, id, forget_time: trial.forget_time }
        }
    }

    /// When it may be forgotten.
    #[must_use]
    pub fn forget_time(&self) -> Timestamp {
        match self {
            Self::Own { trial, .. } => trial.forget_time,
            Self::Bound { forget_time, .. } => *forget_time,
        }
    }
}

/// Copies from store to store. Nobody else may use either meanwhile.
///
/// The streams take bounded memory however much there is, in no particular order, and leave out what is over. An engine that
/// reorganizes itself meanwhile may show something twice.
///
/// To restore what is there already changes nothing, so that a copy that was broken off can be begun again.
#[async_trait]
pub trait Transfer: Send + Sync {
    /// Every record and tombstone that is not past its quarantine.
    fn codes(&self) -> BoxStream<'static, StoreResult<CodeEntry>>;

    /// Stores a record or tombstone as it is, whatever limit there is. It counts among live codes once
    /// [`recount_codes`](Self::recount_codes) was called.
    async fn restore_code(&self, entry: &CodeEntry) -> StoreResult<Restoration>;

    /// Counts the live codes anew, after all of them were restored.
    async fn recount_codes(&self) -> StoreResult<()>;

    /// Every device and generic key that is bound to a trial which is neither reset nor forgotten.
    fn holdings(&self) -> BoxStream<'static, StoreResult<Holding>>;

    /// The trial of a device or a generic key, if it is neither reset nor forgotten.
    async fn holding(&self, temp_pass: &TempPassKey, holder: &Holder) -> StoreResult<Option<Held>>;

    /// Binds a device or a generic key to its trial, and stores that where the device has started it.
    async fn restore_holding(&self, holding: &Holding) -> StoreResult<Restoration>;

    /// Every ledger entry of a kind, with its name.
    fn entries(&self, kind: LedgerKind) -> BoxStream<'static, StoreResult<(Vec<u8>, LedgerEntry)>>;
}
