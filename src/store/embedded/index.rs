//! The index of the buckets: maps a key to the buckets that may contain it, so that a lookup does not search all of them.
//!
//! The index is a filter: a bucket that it names may lack the key, but it always names a bucket that contains the key. A
//! writer therefore adds a key before the write becomes visible, and removes it after the removal. The index is in memory,
//! about 20 bytes per record. The `indexer` fills it from the buckets when the store is opened; until it is complete, any
//! bucket may contain any key.

use std::{
    hash::BuildHasher,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use fjall::Keyspace;
use hashbrown::{DefaultHashBuilder, HashTable};
use smallvec::SmallVec;

/// The number of shards, a power of two. A shard that grows blocks its callers while it moves its entries, for about a
/// hundredth of the time that a single table would take.
const SHARDS: usize = 256;

/// The number of bits of a key's hash that an entry contains. Together with the bits that select the shard, 48 bits
/// distinguish keys. Among a hundred million records, one in three million lookups matches another key's hash and searches a
/// bucket in vain.
const HASH_BITS: u32 = 40;

/// The number of bits of a bucket's id that an entry contains.
const BUCKET_BITS: u32 = u64::BITS - HASH_BITS;

/// A shard that is less than a quarter full (1 / `SPARSE`) is shrunk.
const SPARSE: usize = 4;

/// A bucket, identified by the low bits of its keyspace's id. The engine numbers keyspaces sequentially, so keyspaces in use
/// at the same time differ in these bits. If they did not, a lookup would search both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BucketId(u64);

impl BucketId {
    /// The bucket with this keyspace.
    pub(super) fn of(keyspace: &Keyspace) -> Self {
        Self::from_id(keyspace.id())
    }

    fn from_id(id: u64) -> Self {
        Self(id & ((1 << BUCKET_BITS) - 1))
    }
}

/// The buckets that may contain a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Candidates {
    /// Any bucket: the index is not complete yet.
    Any,
    /// Only these buckets.
    Only(SmallVec<[BucketId; 2]>),
}

impl Candidates {
    /// Whether the bucket may contain the key.
    pub(super) fn include(&self, bucket: BucketId) -> bool {
        match self {
            Self::Any => true,
            Self::Only(buckets) => buckets.contains(&bucket),
        }
    }

    /// Whether no bucket contains the key.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Only(buckets) if buckets.is_empty())
    }
}

/// The index. It is safe for concurrent use.
pub(super) struct Index {
    hasher: DefaultHashBuilder,
    shards: Vec<Mutex<HashTable<IndexEntry>>>,
    is_complete: AtomicBool,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            is_complete: AtomicBool::new(false),
        }
    }
}

impl Index {
    /// The buckets that may contain a key now.
    pub(super) fn candidates(&self, key: &[u8]) -> Candidates {
        // Checked before the lookup: an index that is complete afterwards may have been incomplete during the lookup.
        if !self.is_complete() {
            return Candidates::Any;
        }
        let hash = self.hasher.hash_one(key);
        let shard = self.shard(hash);
        let entries = shard.iter_hash(IndexEntry::table_hash(hash)).filter(|entry| entry.is_of(hash));
        Candidates::Only(entries.map(|entry| entry.bucket()).collect())
    }

    /// Adds a key that is about to be written to a bucket. Idempotent.
    pub(super) fn add(&self, key: &[u8], bucket: BucketId) {
        let hash = self.hasher.hash_one(key);
        let entry = IndexEntry::new(hash, bucket);
        let mut shard = self.shard(hash);
        if shard.find(IndexEntry::table_hash(hash), |other| *other == entry).is_none() {
            shard.insert_unique(IndexEntry::table_hash(hash), entry, IndexEntry::rehash);
        }
    }

    /// Removes a key that is no longer in a bucket.
    pub(super) fn remove(&self, key: &[u8], bucket: BucketId) {
        let hash = self.hasher.hash_one(key);
        let entry = IndexEntry::new(hash, bucket);
        if let Ok(found) = self.shard(hash).find_entry(IndexEntry::table_hash(hash), |other| *other == entry)
        {
            found.remove();
        }
    }

    /// Removes deleted buckets with all their keys. This takes long with millions of records, but blocks other callers only for a
    /// small part of that time.
    pub(super) fn forget(&self, buckets: &[BucketId]) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.retain(|entry| !buckets.contains(&entry.bucket()));
            if shard.len().saturating_mul(SPARSE) < shard.capacity() {
                let enough = shard.len().saturating_mul(2);
                shard.shrink_to(enough, IndexEntry::rehash);
            }
        }
    }

    /// Whether the index contains all keys of the buckets.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::SeqCst)
    }

    /// Marks the index as complete.
    pub(super) fn complete(&self) {
        self.is_complete.store(true, Ordering::SeqCst);
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, HashTable<IndexEntry>> {
        // The bits next to those that an entry contains.
        let number = usize::try_from(hash >> HASH_BITS).unwrap_or_default() % SHARDS;
        lock(&self.shards[number])
    }
}

fn lock(shard: &Mutex<HashTable<IndexEntry>>) -> MutexGuard<'_, HashTable<IndexEntry>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A part of a key's hash, and a bucket, in one word.
#[derive(Clone, Copy, PartialEq, Eq)]
struct IndexEntry(u64);

impl IndexEntry {
    fn new(hash: u64, bucket: BucketId) -> Self {
        Self(hash << BUCKET_BITS | bucket.0)
    }

    fn is_of(self, hash: u64) -> bool {
        self.0 >> BUCKET_BITS == hash << BUCKET_BITS >> BUCKET_BITS
    }

    fn bucket(self) -> BucketId {
        BucketId::from_id(self.0)
    }

    /// The hash for the table, made from the bits of a key's hash that an entry contains. The bits are repeated at both ends,
    /// because the table uses the first and the last bits.
    fn table_hash(hash: u64) -> u64 {
        hash << BUCKET_BITS | hash << BUCKET_BITS >> BUCKET_BITS
    }

    fn rehash(entry: &Self) -> u64 {
        Self::table_hash(entry.0 >> BUCKET_BITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: u32 = 20_000;

    fn key(number: u32) -> Vec<u8> {
        format!("code {number}").into_bytes()
    }

    fn bucket(id: u64) -> BucketId {
        BucketId::from_id(id)
    }

    fn only(ids: &[u64]) -> Candidates {
        Candidates::Only(ids.iter().map(|id| bucket(*id)).collect())
    }

    fn complete() -> Index {
        let index = Index::default();
        index.complete();
        index
    }

    #[test]
    fn every_bucket_is_a_candidate_until_the_index_is_complete() {
        let index = Index::default();
        index.add(b"key", bucket(1));
        assert_eq!(index.candidates(b"key"), Candidates::Any);
        assert!(index.candidates(b"key").include(bucket(7)) && !index.candidates(b"key").is_empty());
        index.complete();
        assert_eq!(index.candidates(b"key"), only(&[1]));
        assert!(!index.candidates(b"key").include(bucket(7)));
    }

    #[test]
    fn each_key_maps_to_its_bucket_and_unknown_keys_to_none() {
        let index = complete();
        for number in 0..KEYS {
            index.add(&key(number), bucket(u64::from(number % 7)));
        }
        for number in 0..KEYS {
            assert_eq!(index.candidates(&key(number)), only(&[u64::from(number % 7)]));
            assert!(index.candidates(&key(number + KEYS)).is_empty());
        }
    }

    #[test]
    fn a_key_that_is_being_moved_maps_to_both_buckets() {
        let index = complete();
        index.add(b"key", bucket(1));
        index.add(b"key", bucket(2));
        let both = index.candidates(b"key");
        assert!(both.include(bucket(1)) && both.include(bucket(2)));
        index.remove(b"key", bucket(1));
        assert_eq!(index.candidates(b"key"), only(&[2]));
        index.remove(b"key", bucket(1));
        assert_eq!(index.candidates(b"key"), only(&[2]));
    }

    #[test]
    fn a_key_added_twice_is_removed_once() {
        let index = complete();
        index.add(b"key", bucket(1));
        index.add(b"key", bucket(1));
        index.remove(b"key", bucket(1));
        assert!(index.candidates(b"key").is_empty());
    }

    #[test]
    fn forgetting_a_bucket_removes_its_keys_and_frees_their_memory() {
        let index = complete();
        let room = || index.shards.iter().map(|shard| lock(shard).capacity()).sum::<usize>();
        for number in 0..KEYS {
            index.add(&key(number), bucket(if number % 100 == 0 { 2 } else { 1 }));
        }
        let before = room();
        index.forget(&[bucket(1), bucket(3)]);
        for number in 0..KEYS {
            let expected = if number % 100 == 0 { only(&[2]) } else { only(&[]) };
            assert_eq!(index.candidates(&key(number)), expected);
        }
        assert!(room() < before / 10, "{} of {before}", room());
    }

    #[test]
    fn a_bucket_is_identified_by_the_low_bits_of_its_id() {
        let index = complete();
        index.add(b"key", bucket(1 << BUCKET_BITS | 5));
        assert_eq!(index.candidates(b"key"), only(&[5]));
    }
}
