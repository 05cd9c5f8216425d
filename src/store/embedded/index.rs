//! Where the records of the buckets lie: which bucket to ask for a key, without asking each of them.
//!
//! The index is a filter, not the truth: a bucket that it names may lack the key, but a bucket that has the key is always
//! named. So whoever writes adds the bucket before the write can be seen, and removes it after. It lives in memory, about
//! 20 bytes a record, and the `indexer` fills it from the buckets when the store is opened; until that is done any bucket may
//! have any key.

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

/// A power of two. A shard that grows holds up its callers while it moves its entries: a hundredth of what one table
/// of all entries would.
const SHARDS: usize = 256;

/// The bits of a key's hash that are kept beside its bucket; together with those that choose the shard, 48. One in three
/// million lookups among a hundred million records meets another key's hash, and asks a bucket for nothing.
const HASH_BITS: u32 = 40;

/// The bits of a bucket.
const BUCKET_BITS: u32 = u64::BITS - HASH_BITS;

/// A shard that holds less than a quarter of what it has room for gives the rest back.
const SPARSE: usize = 4;

/// A bucket's keyspace, by the last bits of its id. The engine numbers keyspaces one by one: two that are in use at once differ
/// in them, and if they did not, both would be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BucketId(u64);

impl BucketId {
    /// The bucket that has this keyspace.
    pub(super) fn of(keyspace: &Keyspace) -> Self {
        Self::from_id(keyspace.id())
    }

    fn from_id(id: u64) -> Self {
        Self(id & ((1 << BUCKET_BITS) - 1))
    }
}

/// Where a key may lie.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Candidates {
    /// In any bucket: the index is not filled yet.
    Any,
    /// In one of these buckets, if at all.
    Only(SmallVec<[BucketId; 2]>),
}

impl Candidates {
    /// Whether the key may lie there.
    pub(super) fn include(&self, bucket: BucketId) -> bool {
        match self {
            Self::Any => true,
            Self::Only(buckets) => buckets.contains(&bucket),
        }
    }

    /// Whether it lies nowhere.
    pub(super) fn are_none(&self) -> bool {
        matches!(self, Self::Only(buckets) if buckets.is_empty())
    }
}

/// The index. All of it may be used by many threads at once.
pub(super) struct Index {
    hasher: DefaultHashBuilder,
    shards: Vec<Mutex<HashTable<Entry>>>,
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
    /// Where a key may lie at this moment.
    pub(super) fn candidates(&self, key: &[u8]) -> Candidates {
        // Asked first: an index that is complete by now may not have been when it was looked at.
        if !self.is_complete() {
            return Candidates::Any;
        }
        let hash = self.hasher.hash_one(key);
        let shard = self.shard(hash);
        let entries = shard.iter_hash(Entry::table_hash(hash)).filter(|entry| entry.is_of(hash));
        Candidates::Only(entries.map(|entry| entry.bucket()).collect())
    }

    /// Notes that a key is about to lie in a bucket. To do so again changes nothing.
    pub(super) fn add(&self, key: &[u8], bucket: BucketId) {
        let hash = self.hasher.hash_one(key);
        let entry = Entry::new(hash, bucket);
        let mut shard = self.shard(hash);
        if shard.find(Entry::table_hash(hash), |other| *other == entry).is_none() {
            shard.insert_unique(Entry::table_hash(hash), entry, Entry::rehash);
        }
    }

    /// Notes that a key does not lie in a bucket any more.
    pub(super) fn remove(&self, key: &[u8], bucket: BucketId) {
        let hash = self.hasher.hash_one(key);
        let entry = Entry::new(hash, bucket);
        if let Ok(found) = self.shard(hash).find_entry(Entry::table_hash(hash), |other| *other == entry) {
            found.remove();
        }
    }

    /// Forgets buckets that are gone, with all that lay there. Takes a while where there are millions of records, but holds up
    /// others for a small part of it only.
    pub(super) fn forget(&self, buckets: &[BucketId]) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.retain(|entry| !buckets.contains(&entry.bucket()));
            if shard.len().saturating_mul(SPARSE) < shard.capacity() {
                let enough = shard.len().saturating_mul(2);
                shard.shrink_to(enough, Entry::rehash);
            }
        }
    }

    /// Whether all is in it that lies in the buckets.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::SeqCst)
    }

    /// Notes that all is in it from now on.
    pub(super) fn complete(&self) {
        self.is_complete.store(true, Ordering::SeqCst);
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, HashTable<Entry>> {
        // The bits beside those that an entry keeps.
        let number = usize::try_from(hash >> HASH_BITS).unwrap_or_default() % SHARDS;
        lock(&self.shards[number])
    }
}

fn lock(shard: &Mutex<HashTable<Entry>>) -> MutexGuard<'_, HashTable<Entry>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A part of a key's hash, and a bucket.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry(u64);

impl Entry {
    fn new(hash: u64, bucket: BucketId) -> Self {
        Self(hash << BUCKET_BITS | bucket.0)
    }

    fn is_of(self, hash: u64) -> bool {
        self.0 >> BUCKET_BITS == hash << BUCKET_BITS >> BUCKET_BITS
    }

    fn bucket(self) -> BucketId {
        BucketId::from_id(self.0)
    }

    /// What the table goes by, from the bits of a key's hash that an entry keeps: the table takes the first and the last of
    /// what it is given.
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
    fn until_it_is_complete_a_key_may_lie_anywhere() {
        let index = Index::default();
        index.add(b"key", bucket(1));
        assert_eq!(index.candidates(b"key"), Candidates::Any);
        assert!(index.candidates(b"key").include(bucket(7)) && !index.candidates(b"key").are_none());
        index.complete();
        assert_eq!(index.candidates(b"key"), only(&[1]));
        assert!(!index.candidates(b"key").include(bucket(7)));
    }

    #[test]
    fn every_key_is_found_in_its_bucket_and_no_other_is() {
        let index = complete();
        for number in 0..KEYS {
            index.add(&key(number), bucket(u64::from(number % 7)));
        }
        for number in 0..KEYS {
            assert_eq!(index.candidates(&key(number)), only(&[u64::from(number % 7)]));
            assert!(index.candidates(&key(number + KEYS)).are_none());
        }
    }

    #[test]
    fn a_key_on_its_way_lies_in_both_buckets() {
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
    fn what_is_added_twice_is_removed_at_once() {
        let index = complete();
        index.add(b"key", bucket(1));
        index.add(b"key", bucket(1));
        index.remove(b"key", bucket(1));
        assert!(index.candidates(b"key").are_none());
    }

    #[test]
    fn what_lay_in_a_bucket_that_is_gone_is_forgotten_and_its_memory_given_back() {
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
    fn a_bucket_is_told_by_the_last_bits_of_its_id() {
        let index = complete();
        index.add(b"key", bucket(1 << BUCKET_BITS | 5));
        assert_eq!(index.candidates(b"key"), only(&[5]));
    }
}
