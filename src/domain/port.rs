//! What passbridge asks of a store: small and semantic ports, and one conformance suite
//! (`store/conformance`) that every implementation passes.
//!
//! A store has time of its own (the clock it was opened with, or its engine's), and everything it
//! acknowledges is as durable as it can make it.

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
    limit::{Limit, Room},
    registration::{CodeEntry, CodeKey, Registration},
    temp_pass::{
        Denial, MediaToken, ResetTarget, ResourceId, TempPassKey, TempPassRule, Trial, TrialApplication,
        TrialIdentity, TrialView,
    },
};
pub use devices::{Devices, KeptDevice, Revision};
pub use transfer::{Held, Holding, Restoration, Transfer};

/// The outcome of a store's operation.
pub type StoreResult<T> = Result<T, StoreError>;

/// What became of a new record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Insertion {
    /// It is stored; its code is now taken.
    Inserted,
    /// The code is in use or in quarantine. Nothing was written; draw another.
    Taken,
    /// The environment holds as many live codes as it may. Nothing was written.
    Full {
        /// When the next live code expires at the latest, if none is released before.
        next_expiry: Timestamp,
    },
    /// The key of the entry that was to be stored with the record is taken by this one. Nothing was written.
    Repeated(LedgerEntry),
}

/// Signals that something happened to what is watched. A signal carries no state: who gets one reads again, so that a slow
/// reader costs nothing but its own delay. A store that may have missed something signals too.
pub type Signals = BoxStream<'static, ()>;

/// Registration codes.
#[async_trait]
pub trait Codes: Send + Sync {
    /// Stores a record if its code is neither in use nor in quarantine and the environment holds fewer than
    /// `max_live` live codes. Of any number of concurrent calls for one code exactly one inserts.
    ///
    /// With `entry`, a ledger entry is stored with the record, in the same commit: both or neither. Where its key is
    /// taken, that is the answer, before anything else is looked at.
    async fn insert_if_absent(
        &self,
        registration: &Registration,
        max_live: u64,
        entry: Option<(&LedgerKey, LedgerEntry)>,
    ) -> StoreResult<Insertion>;

    /// Keeps the shadow of a code that somebody else issued, in the place of whatever held the code before: who issues
    /// codes also decides when one is used again.
    async fn adopt(&self, registration: &Registration) -> StoreResult<()>;

    /// The record or tombstone that holds the code, until its quarantine ends.
    async fn get(&self, key: &CodeKey) -> StoreResult<Option<CodeEntry>>;

    /// Turns the live record `id` into a tombstone. False where it is not live: expired, released already, or
    /// another record by now. Of concurrent calls for one record exactly one gets true.
    async fn release(&self, key: &CodeKey, id: Uuid) -> StoreResult<bool>;

    /// Signals each change to the code after this call returned: its release, and its use for a new record.
    /// Expiry is not signalled, since its time is known. The stream ends when the store closes.
    async fn watch(&self, key: &CodeKey) -> StoreResult<Signals>;

    /// Every record and tombstone that is not past its quarantine, in no particular order. Records that come
    /// or go meanwhile may or may not be seen.
    fn scan(&self) -> BoxStream<'static, StoreResult<CodeEntry>>;

    /// How many codes are live in each environment that has any; none where the store cannot tell cheaply.
    async fn live_codes(&self) -> StoreResult<Vec<(EnvironmentName, u64)>>;
}

/// A small value with an optional end: credentials, keys, revocations, answers kept for a repeated request
/// id, leases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The value; never logged, since it may be a secret.
    pub value: Vec<u8>,
    /// When the entry ends; never where absent.
    pub expire_time: Option<Timestamp>,
}

/// The key of a ledger entry: a kind, and a name within it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LedgerKey {
    /// What kind of entry it is.
    pub kind: LedgerKind,
    /// The entry's name within its kind.
    pub name: Vec<u8>,
}

/// Small values with compare-and-swap.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Stores the entry if its key is free, and says what was there if it is not. Of any number of concurrent
    /// calls for one key exactly one gets `None`.
    async fn put_if_absent(&self, key: &LedgerKey, entry: LedgerEntry) -> StoreResult<Option<LedgerEntry>>;

    /// The entry, if it has not ended.
    async fn get(&self, key: &LedgerKey) -> StoreResult<Option<LedgerEntry>>;

    /// Replaces (or, by `None`, removes) the entry if its value is still `expected` (or, by `None`, there is
    /// none). False where it is not.
    async fn swap(
        &self,
        key: &LedgerKey,
        expected: Option<&[u8]>,
        replacement: Option<LedgerEntry>,
    ) -> StoreResult<bool>;

    /// Takes a lease: stores `holder` under the key for as long as `term` says, if the key is free. False where somebody
    /// holds it. The term passes by the store's own time, so that a caller whose clock is wrong holds it neither shorter nor
    /// longer than others. Who holds it gives it back by [`swap`](Self::swap).
    async fn lease(&self, key: &LedgerKey, holder: &[u8], term: Duration) -> StoreResult<bool>;

    /// Signals each change to an entry of the kind after this call returned: that it was put, replaced or removed. Its end is
    /// not signalled, since its time is known. The stream ends when the store closes.
    async fn watch(&self, kind: LedgerKind) -> StoreResult<Signals>;

    /// Every entry of a kind, with its name. Takes bounded memory; of a kind with very many an engine that reorganizes itself
    /// meanwhile may show one twice.
    fn scan(&self, kind: LedgerKind) -> BoxStream<'static, StoreResult<(Vec<u8>, LedgerEntry)>>;
}

/// A request to authorize a resource by a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The TempPass.
    pub temp_pass: TempPassKey,
    /// What the TempPass is.
    pub rule: TempPassRule,
    /// By whom the trial is known.
    pub identity: TrialIdentity,
    /// What a new trial keeps.
    pub application: TrialApplication,
    /// What is to be watched.
    pub resource: ResourceId,
    /// The id of the trial, where one has to be started.
    pub new_id: Uuid,
}

/// What became of an authorization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Why it was denied, if it was.
    pub denial: Option<Denial>,
    /// The trial that decided, after the decision.
    pub trial: TrialView,
    /// What a player shows, where the upstream issued one.
    pub media_token: Option<MediaToken>,
}

/// Trials of TempPasses.
///
/// A trial is known by its device and, in a promotional TempPass, by the user's generic key. Where only one of the two
/// is known, the other one is bound to the same trial. Where both are known and belong to different trials, the stricter
/// one decides; a resource that both permit is counted in both, and nothing merges.
#[async_trait]
pub trait Trials: Send + Sync {
    /// Authorizes a resource, starting the trial where there is none. Of concurrent calls for the last resource of a
    /// trial exactly one is permitted.
    async fn authorize(&self, authorization: Authorization) -> StoreResult<Verdict>;

    /// The trial, or what it would be if it started.
    async fn get(
        &self,
        temp_pass: &TempPassKey,
        rule: &TempPassRule,
        identity: &TrialIdentity,
    ) -> StoreResult<TrialView>;

    /// Deletes the trial of the target if it matches `application`, for everybody who is bound to it. How many that
    /// were, where the store can tell cheaply: not for all.
    async fn reset(
        &self,
        temp_pass: &TempPassKey,
        target: &ResetTarget,
        application: &TrialApplication,
    ) -> StoreResult<Option<u64>>;

    /// Every trial that is neither reset nor forgotten, with its id, in no particular order.
    fn scan(&self) -> BoxStream<'static, StoreResult<(TempPassKey, Uuid, Trial)>>;
}

/// Limits: a leaky bucket for each key, which leaks by the monotonic time of who keeps it.
///
/// Memory is bounded whatever strangers name, and no key gains by that bound. A bucket may be asked about by different bursts:
/// what is in it is the same for all of them.
#[async_trait]
pub trait Limits: Send + Sync {
    /// Whether each of the buckets has room for one more, or after what time they all have. Takes nothing.
    async fn admit(&self, limits: &[Limit]) -> StoreResult<Room>;

    /// Puts one into each of the buckets, even above its capacity: then the excess is waited for.
    async fn charge(&self, limits: &[Limit]) -> StoreResult<()>;

    /// Puts one into the bucket if it has room; else says after what time it has.
    async fn take(&self, limit: &Limit) -> StoreResult<Room>;

    /// Puts one into the bucket, and says after what time it fits: each caller gets a time of its own. Where that is
    /// longer than `longest`, nothing is put in, and the error is that time.
    async fn reserve(&self, limit: &Limit, longest: Duration) -> StoreResult<Result<Duration, Duration>>;
}

/// Where the entries of the audit log are kept: a file of one process, or a stream that replicas share.
#[async_trait]
pub trait AuditSink: Send + Sync {
    /// Appends an entry, a line of JSON without its end. Completes when it outlives this process. Entries that are appended
    /// at the same time may be kept in any order.
    async fn append(&self, entry: Vec<u8>) -> StoreResult<()>;
}

/// A store as the rest of passbridge holds it.
#[derive(Clone)]
pub struct Store {
    /// Registration codes.
    pub codes: Arc<dyn Codes>,
    /// Trials of TempPasses.
    pub trials: Arc<dyn Trials>,
    /// Small values.
    pub ledger: Arc<dyn Ledger>,
    /// Limits.
    pub limits: Arc<dyn Limits>,
    /// Copies to and from other stores.
    pub transfer: Arc<dyn Transfer>,
    /// Whether the store works.
    pub health: Arc<dyn StoreHealth>,
}

/// Whether a store can do its work now.
#[async_trait]
pub trait StoreHealth: Send + Sync {
    /// Says what is wrong, if anything is: writes would fail.
    async fn check(&self) -> StoreResult<()>;

    /// Waits for a write that failed after which the store takes none until it is opened again, and says why. A full disk
    /// that was seen in time is none.
    async fn write_failure(&self) -> StoreError;

    /// Ends the store in good order. What comes after fails.
    async fn close(&self) -> StoreResult<()>;
}
