//! The store as the rest of passbridge holds it.

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
    committer::{Committer, Message},
    engine::Engine,
    free_space::SpaceGuard,
    housekeeper,
    indexer::Indexer,
    live_count::{BucketCount, LiveCount},
    open::{self, EmbeddedOptions, OpenError, open_engine},
    operation::{Command, CommitFailure, Pending},
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

/// How many commands may wait for the committer. A caller beyond that waits before it may ask.
const QUEUE_LENGTH: usize = 4096;

/// The embedded store. A cheap handle: when the last one is dropped, the store ends as if it had been closed.
#[derive(Clone)]
pub struct EmbeddedStore {
    pub(super) core: Arc<Core>,
    queue: mpsc::Sender<Message>,
}

/// What readers and the committer share.
pub(super) struct Core {
    /// The store's time.
    pub clock: SharedClock,
    /// The engine; gone once the store has ended.
    pub engine: ArcSwapOption<Engine>,
    /// Limits: the one process that has this store keeps them in memory.
    pub limits: Arc<MemoryLimits>,
    /// How many codes live.
    pub live: Mutex<LiveCount>,
    /// Who watches which code.
    pub watched_codes: Arc<WatchHub<UserKey>>,
    /// Who watches which kind of ledger entries. Apart from codes: a server always watches one, and no commit shall look for
    /// its codes because of that.
    pub watched_kinds: Arc<WatchHub<LedgerKind>>,
    /// Work done.
    pub statistics: Recorder,
    /// The free space.
    pub space: SpaceGuard,
    /// Why no write has been taken since, if one has failed.
    pub failure: OnceLock<CommitFailure>,
    /// Cancelled once there is a failure.
    pub has_failed: CancellationToken,
    /// Lets commits fail, as a broken disk does.
    #[cfg(test)]
    pub fail_commits: std::sync::atomic::AtomicBool,
}

impl Core {
    /// The engine, while the store is open.
    pub(super) fn engine(&self) -> StoreResult<arc_swap::Guard<Option<Arc<Engine>>>> {
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

/// What a store says that has ended.
pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

impl EmbeddedStore {
    /// The memory that a code takes while it lives, in bytes, at most. Its record and an answer that is kept for repeats take
    /// 20 each in the index, just after that has grown, and 8 each in the filters and block indexes of the engine's tables,
    /// which stay in memory.
    pub const BYTES_PER_CODE: u64 = 64;

    /// Whether there is a store in this folder. Blocks.
    #[must_use]
    pub fn is_at(path: &Path) -> bool {
        open::is_store(path)
    }

    /// Opens the store in a folder, or makes a new one there. Blocks; on a store of a million codes for less
    /// than a second.
    ///
    /// # Errors
    /// Where the folder is in use, not a folder, not writable, or written by a newer version.
    pub fn open(options: EmbeddedOptions) -> Result<Self, OpenError> {
        let path = options.path.clone();
        let (store, indexer) = Self::open_unindexed(options)?;
        let core = Arc::downgrade(&store.core);
        match start("store-indexer", move || indexer.run(&core)) {
            Ok(()) => Ok(store),
            Err(source) => Err(OpenError::NotWritable { path, source }),
        }
    }

    /// Opens the store without its index, and gives who fills that.
    pub(super) fn open_unindexed(options: EmbeddedOptions) -> Result<(Self, Indexer), OpenError> {
        let engine = Arc::new(open_engine(&options.path)?);
        let (live, counts) = load_counts(&engine).map_err(|error| OpenError::Unreadable {
            path: options.path.clone(),
            reason: error.to_string(),
        })?;
        let indexer = Indexer::new(&engine);
        let time = TrustedTime::new(options.clock.now(), options.clock.instant());
        let core = Arc::new(Core {
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
        let (deleted, let_go) = thread_channel::channel();
        let committer = Committer { core: Arc::clone(&core), engine, counts, queue: commands, deleted };
        let (weak_core, weak_queue) = (Arc::downgrade(&core), queue.downgrade());
        let started =
            start("store-housekeeper", move || housekeeper::run(&weak_core, &weak_queue, &let_go, time))
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

    /// The store's work so far. Cheap.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let buckets = self.core.engine.load().as_ref().map_or(0, |engine| engine.bucket_count());
        let queue_depth = self.queue.max_capacity() - self.queue.capacity();
        self.core.statistics.read(buckets, queue_depth, self.core.space.available())
    }

    /// Has the committer decide a command, and waits until the decision is durable.
    pub(super) async fn submit<C: Command>(&self, command: C) -> StoreResult<C::Outcome> {
        self.core.check_writable()?;
        let (pending, answer) = Pending::new(command);
        self.queue.send(Message::Operation(pending)).await.map_err(|_| closed())?;
        let outcome = answer.await.map_err(|_| closed())?;
        // A commit wakes many callers at once from another thread. A single-threaded runtime takes such tasks up
        // one by one, and whatever each of them wakes, such as its connection, before the next: every answer
        // would be a packet of its own. After one more turn they stand in the runtime's own queue, one behind the
        // other, and answers of one connection go out together.
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
            // Where the committer ended without an answer it has ended nevertheless.
            let _ = ended.await;
        }
        Ok(())
    }
}

fn load_counts(engine: &Engine) -> StoreResult<(LiveCount, BucketCounts)> {
    let (mut live, mut counts) = (LiveCount::default(), BucketCounts::new());
    for bucket in engine.buckets().iter() {
        counts.insert(bucket.keyspace.id(), BucketCount::load(&bucket.keyspace, &mut live)?);
    }
    Ok((live, counts))
}

fn start(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}
