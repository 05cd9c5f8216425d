//! The store's public handle.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, OnceLock, mpsc as thread_channel},
    thread,
};

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use fjall::UserKey;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    cleanup,
    committer::{Committer, Message},
    engine::EmbeddedEngine,
    free_space::SpaceGuard,
    indexer::Indexer,
    live_count::{BucketCount, LiveCount},
    open::{self, EmbeddedOptions, OpenError, open_engine},
    operation::{BatchCommand, CommitFailure, PendingCommand},
    statistics::{Recorder, Statistics},
    transaction::BucketCounts,
    trusted_time::TrustedTime,
};
use crate::{
    domain::{
        clock::SharedClock,
        error::StoreError,
        ledger_kind::LedgerKind,
        port::{Store, StoreHealth, StoreResult},
    },
    store::{memory::MemoryLimits, watch_hub::WatchHub},
};

/// The capacity of the committer's queue. When the queue is full, callers wait for a free slot.
const QUEUE_LENGTH: usize = 4096;

/// A handle to the embedded store, cheap to clone. Dropping the last handle closes the store.
#[derive(Clone)]
pub struct EmbeddedStore {
    pub(super) core: Arc<StoreCore>,
    queue: mpsc::Sender<Message>,
}

/// The state that readers and the committer share.
pub(super) struct StoreCore {
    /// The store's time.
    pub clock: SharedClock,
    /// The engine; `None` once the store is closed.
    pub engine: ArcSwapOption<EmbeddedEngine>,
    /// Rate limits. They are in memory, because only one process uses this store.
    pub limits: Arc<MemoryLimits>,
    /// The number of live codes.
    pub live: Mutex<LiveCount>,
    /// Watchers of codes.
    pub watched_codes: Arc<WatchHub<UserKey>>,
    /// Watchers of ledger kinds. Separate from `watched_codes`: a server always watches at least one kind, and a commit
    /// skips the lookup of its codes while no code is watched.
    pub watched_kinds: Arc<WatchHub<LedgerKind>>,
    /// Counters and timings.
    pub statistics: Recorder,
    /// Refuses writes when the disk is nearly full.
    pub space: SpaceGuard,
    /// The failed commit after which the store refuses all writes, if one has failed.
    pub failure: OnceLock<CommitFailure>,
    /// Cancelled once `failure` is set.
    pub has_failed: CancellationToken,
    /// Makes commits fail, as a broken disk does.
    #[cfg(test)]
    pub fail_commits: std::sync::atomic::AtomicBool,
}

impl StoreCore {
    /// The engine, while the store is open.
    pub(super) fn engine(&self) -> StoreResult<arc_swap::Guard<Option<Arc<EmbeddedEngine>>>> {
        let engine = self.engine.load();
        if engine.is_some() { Ok(engine) } else { Err(closed()) }
    }

    fn check_writable(&self) -> StoreResult<()> {
        match self.failure.get() {
            Some(failure) => Err(failure.into()),
            None => self.space.check(),
        }
    }
}

/// The error of every call after the store is closed.
pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

impl EmbeddedStore {
    /// The maximum memory per live code, in bytes. Its record and its stored response take 20 bytes each in the index
    /// immediately after the index has grown, and 8 bytes each in the filters and block indexes of the engine's tables,
    /// which stay in memory.
    pub const BYTES_PER_CODE: u64 = 64;

    /// Whether the folder contains a store. Blocks.
    #[must_use]
    pub fn is_at(path: &Path) -> bool {
        open::is_store(path)
    }

    /// Opens the store in a folder, or creates one there. Blocks, for less than a second with a million codes.
    ///
    /// # Errors
    /// If the path is not a folder, or the folder is in use, not writable, damaged, or written by a newer version.
    pub fn open(options: EmbeddedOptions) -> Result<Self, OpenError> {
        let path = options.path.clone();
        let (store, indexer) = Self::open_unindexed(options)?;
        let core = Arc::downgrade(&store.core);
        match start("store-indexer", move || indexer.run(&core)) {
            Ok(()) => Ok(store),
            Err(source) => Err(OpenError::NotWritable { path, source }),
        }
    }

    /// Opens the store without its index, and returns the indexer that fills it.
    pub(super) fn open_unindexed(options: EmbeddedOptions) -> Result<(Self, Indexer), OpenError> {
        let engine = Arc::new(open_engine(&options.path)?);
        let (live, counts) = load_counts(&engine).map_err(|error| OpenError::Unreadable {
            path: options.path.clone(),
            reason: error.to_string(),
        })?;
        let indexer = Indexer::new(&engine);
        let time = TrustedTime::new(options.clock.now(), options.clock.instant());
        let core = Arc::new(StoreCore {
            limits: Arc::new(MemoryLimits::new(&options.clock)),
            clock: options.clock,
            engine: ArcSwapOption::from(Some(Arc::clone(&engine))),
            live: Mutex::new(live),
            watched_codes: Arc::default(),
            watched_kinds: Arc::default(),
            statistics: Recorder::default(),
            space: SpaceGuard::new(options.path.clone(), options.free_space_reserve, options.free_space),
            failure: OnceLock::new(),
            has_failed: CancellationToken::new(),
            #[cfg(test)]
            fail_commits: false.into(),
        });
        let (queue, commands) = mpsc::channel(QUEUE_LENGTH);
        let (deleted, deleted_buckets) = thread_channel::channel();
        let committer = Committer { core: Arc::clone(&core), engine, counts, queue: commands, deleted };
        let (weak_core, weak_queue) = (Arc::downgrade(&core), queue.downgrade());
        let started =
            start("store-cleanup", move || cleanup::run(&weak_core, &weak_queue, &deleted_buckets, time))
                .and_then(|()| start("store-committer", move || committer.run()));
        match started {
            Ok(()) => Ok((Self { core, queue }, indexer)),
            Err(source) => Err(OpenError::NotWritable { path: options.path, source }),
        }
    }

    /// The store's ports.
    #[must_use]
    pub fn ports(&self) -> Store {
        let this = Arc::new(self.clone());
        let limits = self.core.limits.clone();
        Store {
            codes: this.clone(),
            trials: this.clone(),
            ledger: this.clone(),
            limits,
            transfer: this.clone(),
            health: this,
        }
    }

    /// The store's statistics so far. Cheap.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let buckets = self.core.engine.load().as_ref().map_or(0, |engine| engine.bucket_count());
        let queue_depth = self.queue.max_capacity() - self.queue.capacity();
        self.core.statistics.read(buckets, queue_depth, self.core.space.available())
    }

    /// Submits a command to the committer, and waits until its decision is durable.
    pub(super) async fn submit<C: BatchCommand>(&self, command: C) -> StoreResult<C::Outcome> {
        self.core.check_writable()?;
        let (pending, answer) = PendingCommand::new(command);
        self.queue.send(Message::Operation(pending)).await.map_err(|_| closed())?;
        let outcome = answer.await.map_err(|_| closed())?;
        // A commit wakes many callers at once from another thread. A single-threaded runtime polls such tasks one
        // by one, and polls the tasks that each of them wakes, such as its connection, before the next one: every
        // response would be a packet of its own. After one more yield all callers are in the runtime's local queue,
        // and the responses of a connection are sent together.
        tokio::task::yield_now().await;
        outcome
    }
}

#[async_trait]
impl StoreHealth for EmbeddedStore {
    async fn check(&self) -> StoreResult<()> {
        self.core.engine()?;
        if self.queue.is_closed() {
            return Err(closed());
        }
        self.core.check_writable()
    }

    async fn write_failure(&self) -> StoreError {
        self.core.has_failed.cancelled().await;
        self.core.failure.get().map_or_else(closed, StoreError::from)
    }

    async fn close(&self) -> StoreResult<()> {
        let (closed, ended) = oneshot::channel();
        if self.queue.send(Message::Close(closed)).await.is_ok() {
            // An error means that the committer stopped without a reply: the store is closed anyway.
            let _ = ended.await;
        }
        Ok(())
    }
}

fn load_counts(engine: &EmbeddedEngine) -> StoreResult<(LiveCount, BucketCounts)> {
    let (mut live, mut counts) = (LiveCount::default(), BucketCounts::new());
    for bucket in engine.buckets().iter() {
        counts.insert(bucket.keyspace.id(), BucketCount::load(&bucket.keyspace, &mut live)?);
    }
    Ok((live, counts))
}

fn start(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}
