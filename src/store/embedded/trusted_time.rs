//! Up to when records may be deleted: a wrong wall clock must not delete what still lives.

use std::time::Duration;

use crate::domain::clock::{MonotonicInstant, Timestamp};

/// After a start nothing is deleted for so long: the clock of a machine that has just booted may not be set yet.
const QUIET_START: Duration = Duration::from_secs(10 * 60);

/// A step that stays for so long is taken as true.
const SETTLED: Duration = Duration::from_secs(60 * 60);

/// So far, in milliseconds, the two clocks may part between two looks: slewing changes the wall clock by less.
const TOLERANCE: i64 = 5_000;

/// What a look at the clocks says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// What has ended by this time may be deleted.
    Trusted(Timestamp),
    /// Nothing may be deleted yet.
    Untrusted,
    /// Nothing may be deleted, since the wall clock has stepped by so many milliseconds just now.
    Stepped(i64),
    /// The wall clock has stayed for an hour where steps have put it, so many milliseconds away, and is believed from now on.
    /// The next look deletes.
    Settled(i64),
}

/// The wall clock, compared with the monotonic one.
#[derive(Debug)]
pub(super) struct TrustedTime {
    start: MonotonicInstant,
    /// How far the wall clock is ahead of the monotonic one, in milliseconds, as far as it is trusted.
    trusted: i64,
    /// How far ahead it is instead, and since when.
    stepped: Option<(i64, MonotonicInstant)>,
}

impl TrustedTime {
    /// Begins with what the clocks show at the start.
    pub(super) fn new(now: Timestamp, instant: MonotonicInstant) -> Self {
        Self { start: instant, trusted: ahead(now, instant), stepped: None }
    }

    /// Compares what the clocks show now.
    pub(super) fn look(&mut self, now: Timestamp, instant: MonotonicInstant) -> Look {
        let ahead = ahead(now, instant);
        if is_near(ahead, self.trusted) {
            self.trust(ahead);
        } else {
            match &mut self.stepped {
                Some((stepped, since)) if is_near(ahead, *stepped) => {
                    *stepped = ahead;
                    if instant.since(*since) < SETTLED {
                        return Look::Untrusted;
                    }
                    let by = ahead.saturating_sub(self.trusted);
                    self.trust(ahead);
                    return Look::Settled(by);
                }
                stepped => {
                    let before = stepped.map_or(self.trusted, |(stepped, _)| stepped);
                    *stepped = Some((ahead, instant));
                    return Look::Stepped(ahead.saturating_sub(before));
                }
            }
        }
        if instant.since(self.start) < QUIET_START { Look::Untrusted } else { Look::Trusted(now) }
    }

    fn trust(&mut self, ahead: i64) {
        self.trusted = ahead;
        self.stepped = None;
    }
}

fn ahead(now: Timestamp, instant: MonotonicInstant) -> i64 {
    let millis = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    millis(now.as_millis()).saturating_sub(millis(instant.as_micros() / 1000))
}

fn is_near(one: i64, other: i64) -> bool {
    one.saturating_sub(other).saturating_abs() <= TOLERANCE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::{Clock, ManualClock};

    const SECOND: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_secs(3_600);
    const HOUR_MILLIS: i64 = 3_600_000;
    const NOON: Timestamp = Timestamp::from_millis(1_763_000_000_000);

    struct Bench {
        clock: std::sync::Arc<ManualClock>,
        time: TrustedTime,
    }

    impl Bench {
        fn new() -> Self {
            let clock = ManualClock::new(NOON);
            let time = TrustedTime::new(clock.now(), clock.instant());
            Self { clock, time }
        }

        /// One that is beyond its start.
        fn quiet() -> Self {
            let mut bench = Self::new();
            assert_eq!(bench.after(QUIET_START), Look::Trusted(NOON + QUIET_START));
            bench
        }

        fn look(&mut self) -> Look {
            self.time.look(self.clock.now(), self.clock.instant())
        }

        fn after(&mut self, pause: Duration) -> Look {
            self.clock.advance(pause);
            self.look()
        }

        fn trusts(&mut self) -> bool {
            self.look() == Look::Trusted(self.clock.now())
        }

        fn step(&mut self, millis: i64) {
            let now = self.clock.now().as_millis().saturating_add_signed(millis);
            self.clock.step_to(Timestamp::from_millis(now));
        }
    }

    #[test]
    fn nothing_is_deleted_for_ten_minutes_after_a_start() {
        let mut bench = Bench::new();
        assert_eq!(bench.look(), Look::Untrusted);
        assert_eq!(bench.after(QUIET_START - SECOND), Look::Untrusted);
        assert_eq!(bench.after(SECOND), Look::Trusted(NOON + QUIET_START));
    }

    #[test]
    fn a_step_either_way_is_told_once_and_ends_when_the_clock_is_put_right() {
        for step in [HOUR_MILLIS, -HOUR_MILLIS] {
            let mut bench = Bench::quiet();
            bench.step(step);
            assert_eq!(bench.look(), Look::Stepped(step));
            assert_eq!(bench.after(SECOND), Look::Untrusted);
            bench.step(-step);
            assert!(bench.trusts());
        }
    }

    #[test]
    fn a_step_that_stays_for_an_hour_is_taken_as_true() {
        let mut bench = Bench::quiet();
        bench.step(HOUR_MILLIS * 24);
        assert_eq!(bench.look(), Look::Stepped(HOUR_MILLIS * 24));
        assert_eq!(bench.after(HOUR - SECOND), Look::Untrusted);
        assert_eq!(bench.after(SECOND), Look::Settled(HOUR_MILLIS * 24));
        assert!(bench.trusts());
        bench.step(-HOUR_MILLIS * 24);
        assert_eq!(bench.look(), Look::Stepped(-HOUR_MILLIS * 24), "and the way back is a step of its own");
    }

    #[test]
    fn a_second_step_begins_the_hour_anew() {
        let mut bench = Bench::quiet();
        bench.step(HOUR_MILLIS);
        assert_eq!(bench.look(), Look::Stepped(HOUR_MILLIS));
        bench.clock.advance(HOUR - SECOND);
        bench.step(HOUR_MILLIS);
        assert_eq!(bench.look(), Look::Stepped(HOUR_MILLIS));
        assert_eq!(bench.after(HOUR - SECOND), Look::Untrusted);
        assert_eq!(bench.after(SECOND), Look::Settled(HOUR_MILLIS * 2));
        assert!(bench.trusts());
    }

    #[test]
    fn a_clock_that_is_slewed_stays_trusted() {
        let mut bench = Bench::quiet();
        for _ in 0..100 {
            bench.clock.advance(SECOND);
            bench.step(500);
            assert!(bench.trusts());
        }
    }
}
