//! The LSM engine's keyspaces: one for lasting records, and the buckets.

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

/// Where records without a near end live.
const LASTING: &str = "lasting";

/// Where trials live.
const TRIALS: &str = "trials";

/// A memtable of this size is written out as a table. Larger ones make fewer tables to look through, but the
/// burst of writing each one holds up the journal's syncs for longer, and the memory is taken once or twice
/// per bucket in use.
const MEMTABLE_BYTES: u64 = 32 * 1024 * 1024;

/// All memtables together may take this much; beyond it the largest is written out early. Without that a load
/// with all kinds of TTLs would fill one in each bucket.
const MEMTABLES_BYTES: u64 = 96 * 1024 * 1024;

/// How much of the journal may wait for memtables to be written out. It bounds the memory of all memtables and
/// the time to replay the journal after a crash.
const JOURNAL_BYTES: u64 = 128 * 1024 * 1024;

/// Blocks kept in memory. Beside it the operating system caches the files.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// A bucket with so many tables gets a next generation. The engine slows writes down at 20 overlapping tables
/// in a keyspace and stops them at 30; a bucket that is left behind gains a few more while its last memtables
/// are written out.
const TABLES_PER_BUCKET: usize = 16;

/// More tables than a bucket ever has, so that none is compacted.
const NEVER_COMPACT: u8 = 29;

/// The engine, open. Readers share it.
pub(super) struct Engine {
    database: Database,
    folder: PathBuf,
    /// Records without a near end.
    pub lasting: Keyspace,
    /// Trials, apart from the others, since there may be millions that last for a year.
    pub trials: Keyspace,
    buckets: ArcSwap<Vec<Bucket>>,
    /// In which of them a record lies.
    pub index: Index,
    /// Which keys of trials were read by the committer and the housekeeper.
    #[cfg(test)]
    pub trial_reads: std::sync::Mutex<Vec<UserKey>>,
}

/// A record, and where it lies.
pub(super) struct Found {
    /// The keyspace that has it.
    pub keyspace: Keyspace,
    /// The record.
    pub value: UserValue,
}

impl Engine {
    /// Opens the engine in `folder`, or makes a new one there. Blocks.
    ///
    /// # Errors
    /// As the engine has them: locked by another process, unreadable, no space.
    pub(super) fn open(folder: &Path) -> fjall::Result<Self> {
        let database = Database::builder(folder)
            // There are no compactions to speak of, and flushes that run side by side only double the burst.
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

    /// What lies under a key of the trials, if anything does. Exact for the committer.
    pub(super) fn find_trial(&self, key: &UserKey) -> StoreResult<Option<UserValue>> {
        #[cfg(test)]
        self.trial_reads.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(key.clone());
        self.trials.get(key).map_err(unavailable)
    }

    /// The first keys of a range of the trials.
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

    /// The buckets at this moment, the one that ends last first.
    pub(super) fn buckets(&self) -> Arc<Vec<Bucket>> {
        self.buckets.load_full()
    }

    /// How many buckets there are.
    pub(super) fn bucket_count(&self) -> usize {
        self.buckets.load().len()
    }

    /// A batch of writes, which are made durable together.
    pub(super) fn batch(&self) -> OwnedWriteBatch {
        self.database.batch().durability(Some(PersistMode::SyncData))
    }

    /// A view of the whole engine at one moment, for reads that must not see a write half done. A list of the
    /// buckets that goes with it has to be taken after it.
    pub(super) fn snapshot(&self) -> Snapshot {
        self.database.snapshot()
    }

    /// Looks for a key in the buckets, for whoever may meet a record that is just moved from one to another. Where it was to
    /// be expected somewhere and is not found, all of them are asked as of one moment: next to nobody pays for that.
    pub(super) fn find_in_moving_buckets(&self, key: &[u8]) -> StoreResult<Option<UserValue>> {
        let candidates = self.index.candidates(key);
        if candidates.are_none() {
            return Ok(None);
        }
        match self.find_among(&candidates, key)? {
            Some(found) => Ok(Some(found.value)),
            None => self.find_in_buckets_at(&self.snapshot(), key),
        }
    }

    /// Looks for a key in the buckets. Exact for the committer, which alone moves records.
    pub(super) fn find_in_buckets(&self, key: &[u8]) -> StoreResult<Option<Found>> {
        self.find_among(&self.index.candidates(key), key)
    }

    fn find_among(&self, candidates: &Candidates, key: &[u8]) -> StoreResult<Option<Found>> {
        if candidates.are_none() {
            return Ok(None);
        }
        for bucket in self.buckets.load().iter().filter(|bucket| candidates.include(bucket.id())) {
            if let Some(value) = bucket.keyspace.get(key).map_err(unavailable)? {
                return Ok(Some(Found { keyspace: bucket.keyspace.clone(), value }));
            }
        }
        Ok(None)
    }

    /// Looks for a key among the lasting records and then in every bucket, all as of one moment: a key that is
    /// just moved from one to another is found in either.
    pub(super) fn find_anywhere(&self, key: &[u8]) -> StoreResult<Option<UserValue>> {
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

    /// Whether a keyspace is a bucket's.
    pub(super) fn is_bucket(&self, keyspace: &Keyspace) -> bool {
        *keyspace != self.lasting && *keyspace != self.trials
    }

    /// The keyspace of the bucket that ends at `end`, made if there is none. Called by the committer only.
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
        self.have_a_working_directory();
        let name = bucket::name(end, generation);
        let keyspace = self.database.keyspace(&name, bucket_options).map_err(unavailable)?;
        let mut buckets = Vec::clone(&buckets);
        buckets.push(Bucket { end, generation, keyspace: keyspace.clone() });
        sort(&mut buckets);
        self.buckets.store(Arc::new(buckets));
        Ok(keyspace)
    }

    /// Goes to the data folder where the working directory is gone, without which the engine panics when it
    /// makes a keyspace.
    fn have_a_working_directory(&self) {
        if env::current_dir().is_err() {
            // Where this fails too, so do the writes that follow, and those are told of.
            let _ = env::set_current_dir(&self.folder);
        }
    }

    /// Has memory written out where memtables have come to take too much of it. Called by the committer only.
    pub(super) fn bound_memtables(&self) -> StoreResult<()> {
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

    /// Whether a bucket's time is over.
    pub(super) fn has_ended_buckets(&self, now: Timestamp) -> bool {
        self.buckets.load().last().is_some_and(|bucket| bucket.end <= now)
    }

    /// Deletes the buckets whose time is over, and returns them; their files go when the last reader has let
    /// go of them. Called by the committer only.
    pub(super) fn delete_ended_buckets(&self, now: Timestamp) -> Vec<Bucket> {
        let (ended, rest): (Vec<_>, Vec<_>) =
            self.buckets.load().iter().cloned().partition(|bucket| bucket.end <= now);
        if !ended.is_empty() {
            self.buckets.store(Arc::new(rest));
        }
        for bucket in &ended {
            if let Err(error) = self.database.delete_keyspace(bucket.keyspace.clone()) {
                // It takes space until the next start finds it again, and does no other harm.
                tracing::warn!(%error, bucket = &**bucket.keyspace.name(), "an ended bucket could not be deleted");
            }
        }
        ended
    }

    /// Makes everything durable that was written.
    pub(super) fn sync(&self) -> StoreResult<()> {
        self.database.persist(PersistMode::SyncAll).map_err(unavailable)
    }
}

/// What the engine's error means to who asked for something.
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

/// Every lookup asks every table's filter, and nearly all say no, for codes and for trials alike: they stay in memory, whole.
fn pinned_options() -> KeyspaceCreateOptions {
    lasting_options()
        .filter_block_pinning_policy(PinningPolicy::all(true))
        .filter_block_partitioning_policy(PartitioningPolicy::all(false))
        .index_block_pinning_policy(PinningPolicy::all(true))
        .index_block_partitioning_policy(PartitioningPolicy::all(false))
}
