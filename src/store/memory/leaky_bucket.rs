//! Leaky buckets by key. Each bucket is a single instant: the time at which it will be empty (GCRA).
//!
//! Memory is bounded, whatever keys callers use, and the bound never gives a key extra capacity: a bucket is dropped only once
//! it is empty, when a new bucket is equivalent. While there is no room for more buckets, keys without one share the overflow
//! bucket. A key that later gets its own bucket starts at the overflow's level, which includes everything that the key has put
//! there.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, Hash, RandomState},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::domain::{
    clock::SharedClock,
    limit::{LimitResult, Rate},
};

/// The number of shards, which reduce lock contention, and the buckets per shard: 100 000 keys in total.
const SHARDS: usize = 64;
const BUCKETS_PER_SHARD: usize = 1_563;

/// The minimum time between two searches of a full shard for empty buckets, in microseconds. Each search scans the whole shard.
const SWEEP_INTERVAL: u64 = 100_000;

/// A bucket for each key. All times are in microseconds of the monotonic clock.
pub(crate) struct LeakyBuckets<K> {
    clock: SharedClock,
    hasher: RandomState,
    shards: Box<[Mutex<Shard<K>>]>,
    /// The time at which the overflow bucket, shared by keys without a bucket of their own, will be empty.
    overflow: AtomicU64,
}

struct Shard<K> {
    empty_at: HashMap<K, u64, RandomState>,
    capacity: usize,
    next_sweep: u64,
}

impl<K: Eq + Hash> Shard<K> {
    /// Whether there is room for another bucket. Drops empty buckets to make room.
    fn has_room(&mut self, now: u64) -> bool {
        if self.empty_at.len() >= self.capacity && now >= self.next_sweep {
            self.next_sweep = now.saturating_add(SWEEP_INTERVAL);
            self.empty_at.retain(|_, empty_at| *empty_at > now);
        }
        self.empty_at.len() < self.capacity
    }
}

impl<K: Eq + Hash + Clone> LeakyBuckets<K> {
    /// Creates empty buckets.
    #[must_use]
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self::bounded(clock, SHARDS, BUCKETS_PER_SHARD)
    }

    fn bounded(clock: SharedClock, shards: usize, capacity: usize) -> Self {
        let hasher = RandomState::new();
        let shard =
            || Mutex::new(Shard { empty_at: HashMap::with_hasher(hasher.clone()), capacity, next_sweep: 0 });
        let shards = std::iter::repeat_with(shard).take(shards).collect();
        Self { clock, hasher, shards, overflow: AtomicU64::new(0) }
    }

    /// Whether the key's bucket has room for one unit. Adds nothing.
    ///
    /// # Errors
    /// If there is no room: the time until there is.
    pub(crate) fn admit(&self, key: &K, rate: Rate) -> LimitResult {
        let own = self.shard(key).empty_at.get(key).copied();
        let empty_at = own.unwrap_or_else(|| self.overflow.load(Ordering::Relaxed));
        room(empty_at, self.now(), rate).map(drop)
    }

    /// Adds one unit to the key's bucket, even above its capacity. The excess must then drain before there is room again.
    pub(crate) fn charge(&self, key: &K, rate: Rate) {
        let now = self.now();
        let _ = self.update(key, now, |empty_at| Some(empty_at.max(now).saturating_add(interval(rate))));
    }

    /// Adds one unit to the key's bucket if it has room.
    ///
    /// # Errors
    /// If there is no room: the time until there is.
    pub(crate) fn take(&self, key: &K, rate: Rate) -> LimitResult {
        let now = self.now();
        match self.update(key, now, |empty_at| room(empty_at, now, rate).ok()) {
            Ok(_) => Ok(()),
            Err(empty_at) => room(empty_at, now, rate).map(drop),
        }
    }

    /// Adds one unit to the key's bucket and returns the time until it fits. Each caller gets a time of its own.
    ///
    /// # Errors
    /// If that time is longer than `longest`: the time. Then nothing is added.
    pub(crate) fn reserve(&self, key: &K, rate: Rate, longest: Duration) -> Result<Duration, Duration> {
        let now = self.now();
        let wait = |empty_at: u64| room(empty_at, now, rate).err().unwrap_or_default();
        let reserved = self.update(key, now, |empty_at| {
            (wait(empty_at) <= longest).then(|| empty_at.max(now).saturating_add(interval(rate)))
        });
        match reserved {
            Ok(before) => Ok(wait(before)),
            Err(empty_at) => Err(wait(empty_at)),
        }
    }

    /// Changes the time at which the key's bucket will be empty, and returns the previous time: as an error if `change` declines.
    fn update(&self, key: &K, now: u64, change: impl Fn(u64) -> Option<u64>) -> Result<u64, u64> {
        // Keep the lock to the end: the key must not get a bucket of its own while it is being charged to the overflow.
        let mut shard = self.shard(key);
        if let Some(empty_at) = shard.empty_at.get_mut(key) {
            let before = *empty_at;
            *empty_at = change(before).ok_or(before)?;
            return Ok(before);
        }
        if !shard.has_room(now) {
            return self.overflow.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
        }
        let before = self.overflow.load(Ordering::Relaxed);
        let after = change(before).ok_or(before)?;
        shard.empty_at.insert(key.clone(), after);
        Ok(before)
    }

    fn shard(&self, key: &K) -> MutexGuard<'_, Shard<K>> {
        // The map inside uses the lowest and the highest bits.
        let middle = (self.hasher.hash_one(key) >> 24) & 0xffff;
        let index = usize::try_from(middle).unwrap_or(0) % self.shards.len();
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        self.clock.instant().as_micros()
    }
}

fn interval(rate: Rate) -> u64 {
    u64::try_from(rate.interval().as_micros()).unwrap_or(u64::MAX).max(1)
}

fn capacity(rate: Rate) -> u64 {
    interval(rate).saturating_mul(rate.burst().into())
}

/// The time at which the bucket will be empty with one more unit, or the wait until there is room for it.
fn room(empty_at: u64, now: u64, rate: Rate) -> Result<u64, Duration> {
    let with_one_more = empty_at.max(now).saturating_add(interval(rate));
    match with_one_more.checked_sub(now.saturating_add(capacity(rate))) {
        None | Some(0) => Ok(with_one_more),
        Some(over) => Err(Duration::from_micros(over)),
    }
}

impl<K> fmt::Debug for LeakyBuckets<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LeakyBuckets").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::{ManualClock, Timestamp};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_is_followed_by_one_call_per_interval() {
        let clock = ManualClock::new(Timestamp::from_millis(1_000_000));
        let buckets = LeakyBuckets::new(clock.clone());
        let rate = Rate::new(1, SECOND, 10);
        for call in 0..10 {
            assert_eq!(buckets.take(&"device", rate), Ok(()), "call {call}");
        }
        assert_eq!(buckets.take(&"device", rate), Err(SECOND));
        assert_eq!(buckets.admit(&"device", rate), Err(SECOND), "a refused call is not counted");
        assert_eq!(buckets.take(&"other", rate), Ok(()));
        clock.advance(SECOND);
        assert_eq!(buckets.take(&"device", rate), Ok(()));
        assert_eq!(buckets.take(&"device", rate), Err(SECOND));
    }

    #[test]
    fn an_overcharged_bucket_must_drain_first() {
        let clock = ManualClock::new(Timestamp::from_millis(0));
        let buckets = LeakyBuckets::new(clock.clone());
        let rate = Rate::new(10, SECOND, 10);
        (0..20).for_each(|_| buckets.charge(&"key", rate));
        clock.advance(SECOND);
        assert_eq!(buckets.admit(&"key", rate), Err(SECOND / 10));
        clock.advance(SECOND / 10);
        assert_eq!(buckets.admit(&"key", rate), Ok(()));
    }

    #[test]
    fn each_reservation_gets_its_own_time_or_is_refused() {
        let clock = ManualClock::new(Timestamp::from_millis(0));
        let buckets = LeakyBuckets::new(clock.clone());
        let rate = Rate::new(1, SECOND, 2);
        let waits: Vec<_> = (0..5).map(|_| buckets.reserve(&"key", rate, SECOND * 2)).collect();
        assert_eq!(
            waits,
            [Ok(Duration::ZERO), Ok(Duration::ZERO), Ok(SECOND), Ok(SECOND * 2), Err(SECOND * 3)]
        );
        clock.advance(SECOND);
        assert_eq!(
            buckets.reserve(&"key", rate, SECOND * 2),
            Ok(SECOND * 2),
            "a refused reservation is not counted"
        );
    }

    #[test]
    fn a_fast_rate_is_enforced_within_a_millisecond() {
        let clock = ManualClock::new(Timestamp::from_millis(0));
        let buckets = LeakyBuckets::new(clock.clone());
        let rate = Rate::new(50_000, SECOND, 1);
        assert_eq!(buckets.take(&"key", rate), Ok(()));
        assert_eq!(buckets.take(&"key", rate), Err(Duration::from_micros(20)));
    }

    #[test]
    fn a_wall_clock_step_does_not_change_the_buckets() {
        let clock = ManualClock::new(Timestamp::from_millis(7_200_000));
        let buckets = LeakyBuckets::new(clock.clone());
        let rate = Rate::new(1, SECOND, 1);
        assert_eq!(buckets.take(&"key", rate), Ok(()));
        clock.step_to(Timestamp::from_millis(36_000_000));
        assert_eq!(buckets.take(&"key", rate), Err(SECOND));
        clock.step_to(Timestamp::from_millis(0));
        assert_eq!(buckets.take(&"key", rate), Err(SECOND));
        clock.advance(SECOND);
        assert_eq!(buckets.take(&"key", rate), Ok(()));
    }

    #[test]
    fn new_keys_share_the_overflow_bucket_while_the_shard_is_full() {
        let clock = ManualClock::new(Timestamp::from_millis(0));
        let buckets = LeakyBuckets::bounded(clock.clone(), 1, 2);
        let rate = Rate::new(1, SECOND, 2);
        for key in ["a", "a", "b", "b"] {
            assert_eq!(buckets.take(&key, rate), Ok(()));
        }
        assert_eq!((buckets.take(&"c", rate), buckets.take(&"d", rate)), (Ok(()), Ok(())));
        assert_eq!(buckets.take(&"e", rate), Err(SECOND), "c and d have used the shared bucket");
        assert_eq!(buckets.admit(&"f", rate), Err(SECOND));
        assert_eq!(buckets.take(&"a", rate), Err(SECOND), "a new key does not evict a full bucket");
        clock.advance(SECOND * 2);
        for key in ["e", "e", "f", "f"] {
            assert_eq!(buckets.take(&key, rate), Ok(()), "there is room for {key}");
        }
    }

    #[test]
    fn memory_is_bounded_for_any_number_of_keys() {
        let clock = ManualClock::new(Timestamp::from_millis(0));
        let buckets = LeakyBuckets::bounded(clock, 4, 8);
        (0..10_000).for_each(|key| buckets.charge(&key, Rate::new(1, SECOND, 1)));
        assert!(buckets.shards.iter().all(|shard| shard.lock().expect("works").empty_at.len() <= 8));
    }

    proptest::proptest! {
        #[test]
        fn no_key_exceeds_its_rate_when_keys_churn(
            calls in proptest::collection::vec((0_usize..12, 0_u64..2_500), 1..400),
            capacity in 1_usize..6,
        ) {
            let clock = ManualClock::new(Timestamp::from_millis(0));
            let buckets = LeakyBuckets::bounded(clock.clone(), 1, capacity);
            let rate = Rate::new(1, SECOND, 3);
            // The level of each key's bucket if it were the only key.
            let mut alone = [0_u64; 12];
            for (key, pause) in calls {
                clock.advance(Duration::from_millis(pause / 4));
                if buckets.take(&key, rate).is_ok() {
                    let with_one_more = room(alone[key], buckets.now(), rate);
                    proptest::prop_assert!(with_one_more.is_ok(), "key {key} exceeds its rate");
                    alone[key] = with_one_more.unwrap_or_default();
                }
            }
        }
    }
}
