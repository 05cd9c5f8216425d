//! The LSM engine's keyspaces: `lasting`, `trials`, and the buckets.

use std::{
    env,
    ops::Bound,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use fjall::{
    AbstractTree, Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Readable,
    Snapshot, UserKey, UserValue,
    compaction::Leveled,
    config::{PartitioningPolicy, PinningPolicy},
};

use super::{
    bucket::{self, Bucket},
    index::{Candidates, Index},
};
use crate::domain::{clock::Timestamp, error::StoreError, port::StoreResult};

/// The keyspace of records that do not expire soon, or never.
const LASTING: &str = "lasting";

/// The keyspace of trials.
const TRIALS: &str = "trials";

/// The size at which a memtable is flushed to a table. Larger memtables mean fewer tables to search, but each flush is
/// a longer burst of writes that delays the journal's syncs, and every bucket in use takes this much memory once or twice.
const MEMTABLE_BYTES: u64 = 32 * 1024 * 1024;

/// The limit for all memtables together; above it, the largest is flushed early. Without it, a load with many different
/// TTLs would fill a memtable in each bucket.
const MEMTABLES_BYTES: u64 = 96 * 1024 * 1024;

/// The maximum size of the journal that waits for memtable flushes. It limits the memory of all memtables and the time to
/// replay the journal after a crash.
const JOURNAL_BYTES: u64 = 128 * 1024 * 1024;

/// The size of the block cache. The operating system also caches the files.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// A bucket with this many tables gets a next generation. The engine slows writes at 20 overlapping tables in a keyspace
/// and stops them at 30. The previous generation gains a few more tables while its last memtables are flushed.
const TABLES_PER_BUCKET: usize = 16;

/// More tables than a bucket ever has, so that buckets are never compacted.
const NEVER_COMPACT: u8 = 29;

/// The open engine. Readers share it.
pub(super) struct EmbeddedEngine {
    database: Database,
    folder: PathBuf,
    /// Records that do not expire soon, or never.
    pub lasting: Keyspace,
    /// Trials, in their own keyspace, because there may be millions that last for a year.
    pub trials: Keyspace,
    buckets: ArcSwap<Vec<Bucket>>,
    /// Maps records to buckets.
    pub index: Index,
    /// The keys of trials that the committer and the cleanup task have read.
    #[cfg(test)]
    pub trial_reads: std::sync::Mutex<Vec<UserKey>>,
}

/// A record and the keyspace that contains it.
pub(super) struct StoredRecord {
    pub keyspace: Keyspace,
    pub value: UserValue,
}

impl EmbeddedEngine {
    /// Opens the engine in `folder`, or creates one there. Blocks.
    ///
    /// # Errors
    /// The engine's errors: locked by another process, damaged, or out of space.
    pub(super) fn open(folder: &Path) -> fjall::Result<Self> {
        let database = Database::builder(folder)
            // Compactions are rare, and concurrent flushes would only double the burst of writes.
            .worker_threads(1)
            .max_journaling_size(JOURNAL_BYTES)
            .cache_size(CACHE_BYTES)
            .manual_journal_persist(true)
            .open()?;
        let lasting = database.keyspace(LASTING, lasting_options)?;
        let trials = database.keyspace(TRIALS, pinned_options)?;
        let mut buckets = Vec::new();
        for name in database.list_keyspace_names() {
            if let Some((end, generation)) = bucket::parse_name(&name) {
                let keyspace = database.keyspace(&name, bucket_options)?;
                buckets.push(Bucket { end, generation, keyspace });
            }
        }
        sort(&mut buckets);
        Ok(Self {
            database,
            folder: folder.canonicalize()?,
            lasting,
            trials,
            buckets: ArcSwap::from_pointee(buckets),
            index: Index::default(),
            #[cfg(test)]
            trial_reads: std::sync::Mutex::default(),
        })
    }

    /// The value of a key in the trials keyspace, if present. Exact for the committer.
    pub(super) fn find_trial(&self, key: &UserKey) -> StoreResult<Option<UserValue>> {
        #[cfg(test)]
        self.trial_reads.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(key.clone());
        self.trials.get(key).map_err(unavailable)
    }

    /// The first keys of a range in the trials keyspace.
    pub(super) fn trial_keys(
        &self,
        range: (Bound<&UserKey>, Bound<&UserKey>),
        limit: usize,
    ) -> StoreResult<Vec<UserKey>> {
        let keys = self.trials.range::<&UserKey, _>(range).take(limit);
        let keys = keys.map(|guard| guard.key().map_err(unavailable)).collect::<StoreResult<Vec<_>>>()?;
        #[cfg(test)]
        self.trial_reads
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .extend(keys.iter().cloned());
        Ok(keys)
    }

    /// The current buckets, the latest expiry first.
    pub(super) fn buckets(&self) -> Arc<Vec<Bucket>> {
        self.buckets.load_full()
    }

    /// The number of buckets.
    pub(super) fn bucket_count(&self) -> usize {
        self.buckets.load().len()
    }

    /// A batch of writes that become durable together.
    pub(super) fn batch(&self) -> OwnedWriteBatch {
        self.database.batch().durability(Some(PersistMode::SyncData))
    }

    /// A consistent view of the whole engine, for reads that must not see a partial write. Load a list of buckets for use
    /// with a snapshot after taking the snapshot.
    pub(super) fn snapshot(&self) -> Snapshot {
        self.database.snapshot()
    }

    /// Looks up a key in the buckets, for readers that may race with a move from one bucket to another. If the index names a
    /// bucket but the key is not found, searches all buckets in one snapshot. This is rare.
    pub(super) fn find_in_moving_buckets(&self, key: &[u8]) -> StoreResult<Option<UserValue>> {
        let candidates = self.index.candidates(key);
        if candidates.is_empty() {
            return Ok(None);
        }
        match self.find_among(&candidates, key)? {
            Some(found) => Ok(Some(found.value)),
            None => self.find_in_buckets_at(&self.snapshot(), key),
        }
    }

    /// Looks up a key in the buckets. Exact for the committer, because only the committer moves records.
    pub(super) fn find_in_buckets(&self, key: &[u8]) -> StoreResult<Option<StoredRecord>> {
        self.find_among(&self.index.candidates(key), key)
    }

    fn find_among(&self, candidates: &Candidates, key: &[u8]) -> StoreResult<Option<StoredRecord>> {
        if candidates.is_empty() {
            return Ok(None);
        }
        for bucket in self.buckets.load().iter().filter(|bucket| candidates.include(bucket.id())) {
            if let Some(value) = bucket.keyspace.get(key).map_err(unavailable)? {
                return Ok(Some(StoredRecord { keyspace: bucket.keyspace.clone(), value }));
            }
        }
        Ok(None)
    }

    /// Looks up a ledger entry in `lasting`, then in the bucket that the index names. Only a miss in both costs a snapshot, because
    /// a commit may move the entry between the two lookups.
    pub(super) fn find_ledger(&self, key: &[u8]) -> StoreResult<Option<UserValue>> {
        if let Some(value) = self.lasting.get(key).map_err(unavailable)? {
            return Ok(Some(value));
        }
        match self.find_in_buckets(key)? {
            Some(found) => Ok(Some(found.value)),
            None => self.find_anywhere(key),
        }
    }

    /// Looks up a key in `lasting` and then in every bucket, all in one snapshot, so that a key that is being moved is found.
    fn find_anywhere(&self, key: &[u8]) -> StoreResult<Option<UserValue>> {
        let snapshot = self.snapshot();
        if let Some(value) = snapshot.get(&self.lasting, key).map_err(unavailable)? {
            return Ok(Some(value));
        }
        self.find_in_buckets_at(&snapshot, key)
    }

    fn find_in_buckets_at(&self, snapshot: &Snapshot, key: &[u8]) -> StoreResult<Option<UserValue>> {
        for bucket in self.buckets.load().iter() {
            if let Some(value) = snapshot.get(&bucket.keyspace, key).map_err(unavailable)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Whether a keyspace belongs to a bucket.
    pub(super) fn is_bucket(&self, keyspace: &Keyspace) -> bool {
        *keyspace != self.lasting && *keyspace != self.trials
    }

    /// The keyspace of the bucket that expires at `end`, created if it does not exist. Called only by the committer.
    pub(super) fn bucket(&self, end: Timestamp) -> StoreResult<Keyspace> {
        let buckets = self.buckets.load();
        let last = buckets.iter().filter(|bucket| bucket.end == end).max_by_key(|bucket| bucket.generation);
        let generation = match last {
            Some(bucket) if bucket.keyspace.l0_table_count() < TABLES_PER_BUCKET => {
                return Ok(bucket.keyspace.clone());
            }
            Some(bucket) => bucket.generation + 1,
            None => 0,
        };
        self.ensure_working_directory();
        let name = bucket::name(end, generation);
        let keyspace = self.database.keyspace(&name, bucket_options).map_err(unavailable)?;
        let mut buckets = Vec::clone(&buckets);
        buckets.push(Bucket { end, generation, keyspace: keyspace.clone() });
        sort(&mut buckets);
        self.buckets.store(Arc::new(buckets));
        Ok(keyspace)
    }

    /// Changes to the data folder if the working directory has been deleted: without a working directory, the engine panics
    /// when it creates a keyspace.
    fn ensure_working_directory(&self) {
        if env::current_dir().is_err() {
            // If this fails, the following writes fail too, and report the error.
            let _ = env::set_current_dir(&self.folder);
        }
    }

    /// Flushes the largest memtable if all memtables together exceed their limit. Called only by the committer.
    pub(super) fn limit_memtables(&self) -> StoreResult<()> {
        let buckets = self.buckets.load();
        let size = |bucket: &Bucket| bucket.keyspace.tree.active_memtable().size();
        if buckets.iter().map(size).sum::<u64>() <= MEMTABLES_BYTES {
            return Ok(());
        }
        match buckets.iter().max_by_key(|bucket| size(bucket)) {
            Some(largest) => largest.keyspace.rotate_memtable().map(drop).map_err(unavailable),
            None => Ok(()),
        }
    }

    /// Whether any bucket has expired.
    pub(super) fn has_expired_buckets(&self, now: Timestamp) -> bool {
        self.buckets.load().last().is_some_and(|bucket| bucket.end <= now)
    }

    /// Deletes the expired buckets and returns them. Their files are deleted when the last reader drops them. Called only
    /// by the committer.
    pub(super) fn delete_expired_buckets(&self, now: Timestamp) -> Vec<Bucket> {
        let (ended, rest): (Vec<_>, Vec<_>) =
            self.buckets.load().iter().cloned().partition(|bucket| bucket.end <= now);
        if !ended.is_empty() {
            self.buckets.store(Arc::new(rest));
        }
        for bucket in &ended {
            if let Err(error) = self.database.delete_keyspace(bucket.keyspace.clone()) {
                // The only harm is the space that it takes until the next start finds it again.
                tracing::warn!(%error, bucket = &**bucket.keyspace.name(), "deleting an expired bucket failed");
            }
        }
        ended
    }

    /// Makes all writes durable.
    pub(super) fn sync(&self) -> StoreResult<()> {
        self.database.persist(PersistMode::SyncAll).map_err(unavailable)
    }
}

/// Converts an engine error to the store error that callers see.
pub(super) fn unavailable(error: fjall::Error) -> StoreError {
    StoreError::Unavailable(format!("the storage engine failed: {error}"))
}

fn sort(buckets: &mut [Bucket]) {
    buckets.sort_by_key(|bucket| std::cmp::Reverse((bucket.end, bucket.generation)));
}

fn lasting_options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default().manual_journal_persist(true)
}

fn bucket_options() -> KeyspaceCreateOptions {
    pinned_options()
        .max_memtable_size(MEMTABLE_BYTES)
        .compaction_strategy(Arc::new(Leveled::default().with_l0_threshold(NEVER_COMPACT)))
}

/// Every lookup reads the filter of every table, and nearly all filters exclude the key, for codes and for trials. The filters
/// are therefore pinned in memory, unpartitioned.
fn pinned_options() -> KeyspaceCreateOptions {
    lasting_options()
        .filter_block_pinning_policy(PinningPolicy::all(true))
        .filter_block_partitioning_policy(PartitioningPolicy::all(false))
        .index_block_pinning_policy(PinningPolicy::all(true))
        .index_block_partitioning_policy(PartitioningPolicy::all(false))
}
