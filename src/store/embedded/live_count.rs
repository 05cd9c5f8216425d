//! How many codes live in each environment: exact, without looking at the codes, and kept across restarts by
//! counters that are written along with them.

use std::collections::BTreeMap;

use fjall::Keyspace;
use hashbrown::HashMap;

use super::record;
use crate::domain::{clock::Timestamp, id::EnvironmentName, port::StoreResult};

/// The second at whose end every code that expires at `expire_time` has expired. Codes are counted by it, so
/// that one which expires within a second counts as live until the second is over.
pub(super) fn expiry_second(expire_time: Timestamp) -> u64 {
    expire_time.as_secs_rounded_up()
}

/// The live codes of all environments.
#[derive(Debug, Default)]
pub(super) struct LiveCount {
    environments: HashMap<EnvironmentName, Environment>,
}

#[derive(Debug, Default)]
struct Environment {
    live: i64,
    /// The last second whose codes are not counted in `live` any more. It goes back with the wall clock.
    passed: u64,
    /// How many codes expire in each second; also in past ones, until [`LiveCount::forget`]. Negative only while counters are
    /// read: that of a code's release may come before the code's own.
    by_second: BTreeMap<u64, i64>,
}

impl LiveCount {
    /// How many codes of the environment live at `now`.
    pub(super) fn live(&mut self, environment: &EnvironmentName, now: Timestamp) -> u64 {
        self.environments.get_mut(environment).map_or(0, |environment| environment.live_at(now))
    }

    /// When the next code of the environment has expired, if one lives.
    pub(super) fn next_expiry(&self, environment: &EnvironmentName) -> Option<Timestamp> {
        let environment = self.environments.get(environment)?;
        let (second, _) = environment.by_second.range(environment.passed + 1..).next()?;
        Some(Timestamp::from_millis(second.saturating_mul(1000)))
    }

    /// Every environment that ever had codes, with the number of those that live at `now`.
    pub(super) fn all(&mut self, now: Timestamp) -> Vec<(EnvironmentName, u64)> {
        let environments = self.environments.iter_mut();
        environments.map(|(name, environment)| (name.clone(), environment.live_at(now))).collect()
    }

    /// Counts so many codes more, or fewer, that expire in `second`.
    pub(super) fn add(&mut self, environment: &EnvironmentName, second: u64, difference: i64) {
        if !self.environments.contains_key(environment) {
            self.environments.insert(environment.clone(), Environment::default());
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

    /// Forgets the codes that have expired by `now`, which must be trusted: a clock that goes back behind it does not bring
    /// them back.
    pub(super) fn forget(&mut self, now: Timestamp) {
        for environment in self.environments.values_mut() {
            environment.live_at(now);
            environment.by_second = environment.by_second.split_off(&(environment.passed + 1));
        }
    }
}

impl Environment {
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

/// The counters of one bucket, as they are on disk.
#[derive(Debug, Default)]
pub(super) struct BucketCount {
    counters: HashMap<EnvironmentName, BTreeMap<u64, i64>>,
}

impl BucketCount {
    /// Reads the counters of a bucket, and counts its codes into `live`.
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

    /// Adds to a counter, and says what it is now.
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
    fn codes_stop_counting_at_the_end_of_their_second() {
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
    fn codes_count_again_when_a_clock_that_was_ahead_is_put_right() {
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
    fn a_code_removed_after_its_second_is_not_counted_twice() {
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
