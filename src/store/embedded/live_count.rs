//! The number of live codes in each environment. It is exact, needs no scan of the codes, and survives restarts, because the
//! counters are written with the codes.

use std::collections::BTreeMap;

use fjall::Keyspace;
use hashbrown::HashMap;

use super::record;
use crate::domain::{clock::Timestamp, id::EnvironmentName, port::StoreResult};

/// The expiry rounded up to a full second. Codes are counted by this second, so a code that expires during a second counts as
/// live until the second is over.
pub(super) fn expiry_second(expire_time: Timestamp) -> u64 {
    expire_time.as_secs_rounded_up()
}

/// The live codes of all environments.
#[derive(Debug, Default)]
pub(super) struct LiveCount {
    environments: HashMap<EnvironmentName, EnvironmentCount>,
}

#[derive(Debug, Default)]
struct EnvironmentCount {
    live: i64,
    /// The last second whose codes are no longer counted in `live`. It goes back if the wall clock does.
    passed: u64,
    /// The number of codes that expire in each second. Past seconds stay until [`LiveCount::forget`]. A number is negative only
    /// while counters are loaded: the counter of a code's release may be read before that of the code.
    by_second: BTreeMap<u64, i64>,
}

impl LiveCount {
    /// The number of the environment's codes that are live at `now`.
    pub(super) fn live(&mut self, environment: &EnvironmentName, now: Timestamp) -> u64 {
        self.environments.get_mut(environment).map_or(0, |environment| environment.live_at(now))
    }

    /// The time by which the next code of the environment expires, if it has a live code.
    pub(super) fn next_expiry(&self, environment: &EnvironmentName) -> Option<Timestamp> {
        let environment = self.environments.get(environment)?;
        let (second, _) = environment.by_second.range(environment.passed + 1..).next()?;
        Some(Timestamp::from_millis(second.saturating_mul(1000)))
    }

    /// Every environment that ever had codes, with the number of codes that are live at `now`.
    pub(super) fn all(&mut self, now: Timestamp) -> Vec<(EnvironmentName, u64)> {
        let environments = self.environments.iter_mut();
        environments.map(|(name, environment)| (name.clone(), environment.live_at(now))).collect()
    }

    /// Adds `difference`, which may be negative, to the number of codes that expire in `second`.
    pub(super) fn add(&mut self, environment: &EnvironmentName, second: u64, difference: i64) {
        if !self.environments.contains_key(environment) {
            self.environments.insert(environment.clone(), EnvironmentCount::default());
        }
        let Some(environment) = self.environments.get_mut(environment) else { return };
        if second > environment.passed {
            environment.live += difference;
        }
        let count = environment.by_second.entry(second).or_default();
        *count += difference;
        if *count == 0 {
            environment.by_second.remove(&second);
        }
    }

    /// Drops the counts of codes that have expired by `now`. `now` must be trusted: these codes are not counted again if the clock
    /// goes back.
    pub(super) fn forget(&mut self, now: Timestamp) {
        for environment in self.environments.values_mut() {
            environment.live_at(now);
            environment.by_second = environment.by_second.split_off(&(environment.passed + 1));
        }
    }
}

impl EnvironmentCount {
    fn live_at(&mut self, now: Timestamp) -> u64 {
        let passed = now.as_millis() / 1000;
        if passed > self.passed {
            self.live -= self.by_second.range(self.passed + 1..=passed).map(|(_, count)| count).sum::<i64>();
        } else if passed < self.passed {
            self.live += self.by_second.range(passed + 1..=self.passed).map(|(_, count)| count).sum::<i64>();
        }
        self.passed = passed;
        self.live.try_into().unwrap_or_default()
    }
}

/// The counters of one bucket, as stored on disk.
#[derive(Debug, Default)]
pub(super) struct BucketCount {
    counters: HashMap<EnvironmentName, BTreeMap<u64, i64>>,
}

impl BucketCount {
    /// Loads the counters of a bucket and adds them to `live`.
    pub(super) fn load(keyspace: &Keyspace, live: &mut LiveCount) -> StoreResult<Self> {
        let mut loaded = Self::default();
        for guard in keyspace.prefix([record::COUNTER]) {
            let (key, value) = guard.into_inner().map_err(super::engine::unavailable)?;
            let (environment, second) = record::parse_counter_key(&key)?;
            let count = record::decode_counter(&value)?;
            live.add(&environment, second, count);
            loaded.counters.entry(environment).or_default().insert(second, count);
        }
        Ok(loaded)
    }

    /// Adds to a counter and returns its new value.
    pub(super) fn add(&mut self, environment: &EnvironmentName, second: u64, difference: i64) -> i64 {
        if !self.counters.contains_key(environment) {
            self.counters.insert(environment.clone(), BTreeMap::new());
        }
        let Some(seconds) = self.counters.get_mut(environment) else { return 0 };
        let count = seconds.entry(second).or_default();
        *count = count.saturating_add(difference);
        *count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> EnvironmentName {
        EnvironmentName::parse("environment", "default").expect("valid")
    }

    #[test]
    fn a_code_is_counted_until_the_end_of_its_second() {
        let mut live = LiveCount::default();
        live.add(&environment(), 10, 2);
        live.add(&environment(), 12, 1);
        assert_eq!(live.live(&environment(), Timestamp::from_millis(9_999)), 3);
        assert_eq!(live.next_expiry(&environment()), Some(Timestamp::from_millis(10_000)));
        assert_eq!(live.live(&environment(), Timestamp::from_millis(10_000)), 1);
        assert_eq!(live.live(&environment(), Timestamp::from_millis(12_000)), 0);
        assert_eq!(live.next_expiry(&environment()), None);
    }

    #[test]
    fn codes_are_counted_again_when_a_clock_that_was_ahead_is_corrected() {
        let mut live = LiveCount::default();
        live.add(&environment(), 10, 2);
        live.add(&environment(), 12, 1);
        assert_eq!(live.live(&environment(), Timestamp::from_millis(3_600_000)), 0);
        live.add(&environment(), 10, -1);
        assert_eq!(live.live(&environment(), Timestamp::from_millis(9_999)), 2);
        assert_eq!(live.next_expiry(&environment()), Some(Timestamp::from_millis(10_000)));
        live.forget(Timestamp::from_millis(10_000));
        assert_eq!(live.live(&environment(), Timestamp::from_millis(9_999)), 1);
    }

    #[test]
    fn a_code_removed_after_its_second_is_subtracted_only_once() {
        let mut live = LiveCount::default();
        live.add(&environment(), 10, 1);
        live.add(&environment(), 20, 1);
        assert_eq!(live.live(&environment(), Timestamp::from_millis(15_000)), 1);
        live.add(&environment(), 10, -1);
        assert_eq!(live.live(&environment(), Timestamp::from_millis(15_000)), 1);
        live.add(&environment(), 20, -1);
        assert_eq!(live.all(Timestamp::from_millis(15_000)), [(environment(), 0)]);
    }
}
