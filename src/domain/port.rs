//! The ports to a store. They are small and semantic. Every implementation passes one conformance suite
//! (`store/conformance`).
//!
//! A store uses its own time: the clock that it was opened with, or its engine's. Everything that it acknowledges is as
//! durable as it can make it.

mod devices;
mod transfer;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use uuid::Uuid;

use super::{
    clock::Timestamp,
    error::StoreError,
    id::EnvironmentName,
    ledger_kind::LedgerKind,
    limit::{Limit, LimitResult},
    registration_code::{CodeEntry, CodeKey, RegistrationCode},
    temp_pass::{
        Denial, MediaToken, ResetTarget, ResourceId, TempPassKey, TempPassRule, Trial, TrialApplication,
        TrialIdentity, TrialView,
    },
};
pub use devices::{Devices, Revision, StoredDevice};
pub use transfer::{HeldTrial, Restoration, Transfer, TrialHolding};

/// The result of a store operation.
pub type StoreResult<T> = Result<T, StoreError>;

/// The outcome of inserting a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Insertion {
    /// The record is stored, and its code is in use.
    Inserted,
    /// The code is in use or in quarantine. Nothing was written. Draw another code.
    Taken,
    /// The environment has reached its limit of live codes. Nothing was written.
    Full {
        /// The latest time at which the next live code expires, if none is released before.
        next_expiry: Timestamp,
    },
    /// This entry already has the key of the entry to store with the record. Nothing was written.
    Repeated(LedgerEntry),
}

/// Signals changes to the watched item. A signal carries no state, and the receiver reads the item again, so a slow receiver
/// only delays itself. A store also signals when it may have missed a change.
pub type Signals = BoxStream<'static, ()>;

/// Registration codes.
#[async_trait]
pub trait Codes: Send + Sync {
    /// Stores a record if its code is neither in use nor in quarantine, and the environment has fewer than `max_live` live
    /// codes. Of any number of concurrent calls for one code, exactly one inserts.
    ///
    /// With `entry`, also stores a ledger entry in the same commit: both or neither. If its key is taken, the result is
    /// [`Insertion::Repeated`], before any other check.
    async fn insert_if_absent(
        &self,
        registration: &RegistrationCode,
        max_live: u64,
        entry: Option<(&LedgerKey, LedgerEntry)>,
    ) -> StoreResult<Insertion>;

    /// Stores the shadow of a code that an upstream issued. It replaces any other record of the code, because the upstream
    /// decides when it issues a code again.
    async fn adopt(&self, registration: &RegistrationCode) -> StoreResult<()>;

    /// Returns the record or tombstone of the code, until its quarantine ends.
    async fn get(&self, key: &CodeKey) -> StoreResult<Option<CodeEntry>>;

    /// Turns the live record `id` into a tombstone. Returns false if the record is not live: it has expired, was already
    /// released, or was replaced by another record. Of concurrent calls for one record, exactly one returns true.
    async fn release(&self, key: &CodeKey, id: Uuid) -> StoreResult<bool>;

    /// Signals each change to the code after this call has returned: its release, and its use for a new record. Expiry is
    /// not signaled, because its time is known. The stream ends when the store closes.
    async fn watch(&self, key: &CodeKey) -> StoreResult<Signals>;

    /// Returns every record and tombstone that is not past its quarantine, in no particular order. Records that are inserted
    /// or removed during the scan may or may not be returned.
    fn scan(&self) -> BoxStream<'static, StoreResult<CodeEntry>>;

    /// Returns the number of live codes of each environment that has any. Empty if the store cannot count them cheaply.
    async fn live_codes(&self) -> StoreResult<Vec<(EnvironmentName, u64)>>;
}

/// A small value with an optional expiry: credentials, keys, revocations, stored responses for idempotency keys, leases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The value; never logged, because it may be a secret.
    pub value: Vec<u8>,
    /// When the entry expires; absent if it does not.
    pub expire_time: Option<Timestamp>,
}

/// The key of a ledger entry: a kind, and a name within it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LedgerKey {
    /// The kind.
    pub kind: LedgerKind,
    /// The name within the kind.
    pub name: Vec<u8>,
}

/// Small values with compare-and-swap.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Stores the entry if its key is free, and returns `None`; otherwise returns the existing entry. Of any number of
    /// concurrent calls for one key, exactly one returns `None`.
    async fn put_if_absent(&self, key: &LedgerKey, entry: LedgerEntry) -> StoreResult<Option<LedgerEntry>>;

    /// Returns the entry, if it exists and has not expired.
    async fn get(&self, key: &LedgerKey) -> StoreResult<Option<LedgerEntry>>;

    /// Replaces the entry if its value is still `expected`, and returns whether it did. A `replacement` of `None` removes
    /// the entry; an `expected` of `None` means that there is no entry.
    async fn swap(
        &self,
        key: &LedgerKey,
        expected: Option<&[u8]>,
        replacement: Option<LedgerEntry>,
    ) -> StoreResult<bool>;

    /// Acquires a lease: stores `holder` under the key for the lease duration `term`, if the key is free. Returns false if
    /// another holder has the lease. The duration passes by the store's time, so a caller with a wrong clock holds the lease
    /// no shorter or longer than others. The holder releases it by [`swap`](Self::swap).
    async fn lease(&self, key: &LedgerKey, holder: &[u8], term: Duration) -> StoreResult<bool>;

    /// Signals each change to an entry of the kind after this call has returned: its insertion, replacement or removal. Expiry
    /// is not signaled, because its time is known. The stream ends when the store closes.
    async fn watch(&self, kind: LedgerKind) -> StoreResult<Signals>;

    /// Returns every entry of a kind, with its name. Uses bounded memory. If the kind has very many entries, an engine that
    /// reorganizes itself during the scan may return an entry twice.
    fn scan(&self, kind: LedgerKind) -> BoxStream<'static, StoreResult<(Vec<u8>, LedgerEntry)>>;
}

/// A request to authorize a resource under a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The TempPass.
    pub temp_pass: TempPassKey,
    /// The rule of the TempPass.
    pub rule: TempPassRule,
    /// The identity that the trial belongs to.
    pub identity: TrialIdentity,
    /// The deprecated parameters that a new trial stores.
    pub application: TrialApplication,
    /// The resource to authorize.
    pub resource: ResourceId,
    /// The id for the trial, if one has to be started.
    pub new_id: Uuid,
}

/// The outcome of an authorization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialVerdict {
    /// The reason of a denial; absent if the resource is permitted.
    pub denial: Option<Denial>,
    /// The trial that decided, after the decision.
    pub trial: TrialView,
    /// The media token for the player, if the upstream issued one.
    pub media_token: Option<MediaToken>,
}

/// Trials of TempPasses.
///
/// A trial is identified by its device and, for a promotional TempPass, by the user's generic key. If only one of the two
/// is bound to a trial, the other one is bound to the same trial. If they are bound to different trials, the stricter trial
/// decides. A resource that both permit counts in both. Trials are never merged.
#[async_trait]
pub trait Trials: Send + Sync {
    /// Authorizes a resource. Starts the trial if there is none. Of concurrent calls for the last resource of a trial,
    /// exactly one is permitted.
    async fn authorize(&self, authorization: Authorization) -> StoreResult<TrialVerdict>;

    /// Returns the trial, or a trial that has not started if there is none.
    async fn get(
        &self,
        temp_pass: &TempPassKey,
        rule: &TempPassRule,
        identity: &TrialIdentity,
    ) -> StoreResult<TrialView>;

    /// Deletes the trial of the target, with all its bindings, if it matches `application`. Returns the number of deleted
    /// trials, if the store can count them cheaply: not for a reset of all.
    async fn reset(
        &self,
        temp_pass: &TempPassKey,
        target: &ResetTarget,
        application: &TrialApplication,
    ) -> StoreResult<Option<u64>>;

    /// Returns every trial that is neither reset nor past its retention, with its id, in no particular order.
    fn scan(&self) -> BoxStream<'static, StoreResult<(TempPassKey, Uuid, Trial)>>;
}

/// Rate limits: a leaky bucket for each key. It leaks by the monotonic time of the implementation.
///
/// Memory is bounded whatever keys clients choose, and the bound never raises the limit of a key. Calls may use one bucket
/// with different bursts: its level is the same for all of them.
#[async_trait]
pub trait Limits: Send + Sync {
    /// Checks whether each bucket has room for one call, or returns the time after which all have. Does not fill them.
    async fn admit(&self, limits: &[Limit]) -> StoreResult<LimitResult>;

    /// Adds one call to each bucket, even above its capacity. The excess delays later calls.
    async fn charge(&self, limits: &[Limit]) -> StoreResult<()>;

    /// Adds one call to the bucket if it has room; otherwise returns the time after which it has.
    async fn take(&self, limit: &Limit) -> StoreResult<LimitResult>;

    /// Adds one call to the bucket, and returns the time after which the call fits. Each caller gets a different time. If the
    /// time is longer than `longest`, adds nothing and returns the time as the error.
    async fn reserve(&self, limit: &Limit, longest: Duration) -> StoreResult<Result<Duration, Duration>>;
}

/// The destination of audit entries: a file of one process, or a stream that replicas share.
#[async_trait]
pub trait AuditSink: Send + Sync {
    /// Appends an entry: a line of JSON without the line break. Completes when the entry is durable. Concurrent entries may be
    /// stored in any order.
    async fn append(&self, entry: Vec<u8>) -> StoreResult<()>;
}

/// The ports of an open store.
#[derive(Clone)]
pub struct Store {
    /// Registration codes.
    pub codes: Arc<dyn Codes>,
    /// Trials of TempPasses.
    pub trials: Arc<dyn Trials>,
    /// Ledger entries.
    pub ledger: Arc<dyn Ledger>,
    /// Rate limits.
    pub limits: Arc<dyn Limits>,
    /// Copies to and from other stores.
    pub transfer: Arc<dyn Transfer>,
    /// Health of the store.
    pub health: Arc<dyn StoreHealth>,
}

/// The health and the end of a store.
#[async_trait]
pub trait StoreHealth: Send + Sync {
    /// Fails if writes would fail, with the reason.
    async fn check(&self) -> StoreResult<()>;

    /// Waits for a write failure after which the store accepts no writes until it is opened again, and returns it. A full disk
    /// that is detected in time is not such a failure.
    async fn write_failure(&self) -> StoreError;

    /// Closes the store cleanly. Later operations fail.
    async fn close(&self) -> StoreResult<()>;
}
