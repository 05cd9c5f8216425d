//! Leaky buckets by key, each kept as one moment: the one at which it will be empty (GCRA).

use std::{
    fmt,
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use quick_cache::sync::Cache;

use super::clock::SharedClock;

/// How many keys are remembered at once. The least used are forgotten first, so that memory is bounded whatever
/// strangers name.
const REMEMBERED: usize = 100_000;

/// How fast a bucket leaks, and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    interval: Duration,
    burst: u32,
}

impl Rate {
    /// `calls` in each `period`, and at most `burst` of them at once; both at least one.
    #[must_use]
    pub fn new(calls: u32, period: Duration, burst: u32) -> Self {
        Self { interval: period / calls.max(1), burst: burst.max(1) }
    }

    fn interval(self) -> u64 {
        u64::try_from(self.interval.as_micros()).unwrap_or(u64::MAX).max(1)
    }

    fn capacity(self) -> u64 {
        self.interval().saturating_mul(self.burst.into())
    }
}

/// A bucket for each key. All times in it are microseconds since the Unix epoch.
pub struct LeakyBuckets<K> {
    clock: SharedClock,
    empty_at: Cache<K, Arc<AtomicU64>>,
}

impl<K: Eq + Hash + Clone> LeakyBuckets<K> {
    /// Empty buckets.
    #[must_use]
    pub fn new(clock: SharedClock) -> Self {
        Self { clock, empty_at: Cache::new(REMEMBERED) }
    }

    /// Whether the key's bucket has room for one more. Takes nothing.
    ///
    /// # Errors
    /// Where it has not: the time after which it has.
    pub fn admit(&self, key: &K, rate: Rate) -> Result<(), Duration> {
        let Some(empty_at) = self.empty_at.get(key) else { return Ok(()) };
        room(empty_at.load(Ordering::Relaxed), self.now(), rate).map(drop)
    }

    /// Puts one into the key's bucket, over its brim if need be: then what was put in too much is waited for.
    pub fn charge(&self, key: &K, rate: Rate) {
        let now = self.now();
        let _ = self.bucket(key).fetch_update(Ordering::Relaxed, Ordering::Relaxed, |empty_at| {
            Some(empty_at.max(now).saturating_add(rate.interval()))
        });
    }

    /// Puts one into the key's bucket if it has room.
    ///
    /// # Errors
    /// Where it has none: the time after which it has.
    pub fn take(&self, key: &K, rate: Rate) -> Result<(), Duration> {
        let now = self.now();
        let bucket = self.bucket(key);
        let taken = bucket
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |empty_at| room(empty_at, now, rate).ok());
        match taken {
            Ok(_) => Ok(()),
            Err(empty_at) => room(empty_at, now, rate).map(drop),
        }
    }

    /// Puts one into the key's bucket, and says after what time it fits: each who asks has a time of its own.
    ///
    /// # Errors
    /// Where that is longer than `longest`: then nothing is put in, and this is the time.
    pub fn reserve(&self, key: &K, rate: Rate, longest: Duration) -> Result<Duration, Duration> {
        let now = self.now();
        let bucket = self.bucket(key);
        let wait = |empty_at: u64| room(empty_at, now, rate).err().unwrap_or_default();
        let reserved = bucket.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |empty_at| {
            (wait(empty_at) <= longest).then(|| empty_at.max(now).saturating_add(rate.interval()))
        });
        match reserved {
            Ok(before) => Ok(wait(before)),
            Err(empty_at) => Err(wait(empty_at)),
        }
    }

    fn bucket(&self, key: &K) -> Arc<AtomicU64> {
        self.empty_at
            .get_or_insert_with(key, || Ok::<_, std::convert::Infallible>(Arc::default()))
            .unwrap_or_else(|never| match never {})
    }

    fn now(&self) -> u64 {
        self.clock.now().as_millis().saturating_mul(1000)
    }
}

/// When the bucket will be empty with one more in it, or how long until there is room for that.
fn room(empty_at: u64, now: u64, rate: Rate) -> Result<u64, Duration> {
    let with_one_more = empty_at.max(now).saturating_add(rate.interval());
    match with_one_more.checked_sub(now.saturating_add(rate.capacity())) {
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
    fn a_burst_then_one_at_each_interval() {
        let clock = ManualClock::new(Timestamp::from_millis(1_000_000));
        let buckets = LeakyBuckets::new(clock.clone());
        let rate = Rate::new(1, SECOND, 10);
        for call in 0..10 {
            assert_eq!(buckets.take(&"device", rate), Ok(()), "call {call}");
        }
        assert_eq!(buckets.take(&"device", rate), Err(SECOND));
        assert_eq!(buckets.admit(&"device", rate), Err(SECOND), "what was refused was not put in");
        assert_eq!(buckets.take(&"other", rate), Ok(()));
        clock.advance(SECOND);
        assert_eq!(buckets.take(&"device", rate), Ok(()));
        assert_eq!(buckets.take(&"device", rate), Err(SECOND));
    }

    #[test]
    fn a_bucket_that_was_overcharged_is_waited_for() {
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
    fn who_reserves_is_told_a_time_of_its_own_or_refused() {
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
            "what was refused was not put in"
        );
    }

    #[test]
    fn a_fast_rate_is_kept_between_two_ticks_of_the_clock() {
        let clock = ManualClock::new(Timestamp::from_millis(0));
        let buckets = LeakyBuckets::new(clock.clone());
        let rate = Rate::new(50_000, SECOND, 1);
        assert_eq!(buckets.take(&"key", rate), Ok(()));
        assert_eq!(buckets.take(&"key", rate), Err(Duration::from_micros(20)));
    }
}
