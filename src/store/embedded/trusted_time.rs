//! The time up to which expired records may be deleted. A wrong wall clock must not cause the deletion of live records.

use std::time::Duration;

use crate::domain::clock::{MonotonicInstant, Timestamp};

/// The time after a start during which nothing is deleted: a machine that has just booted may not have set its clock yet.
const QUIET_START: Duration = Duration::from_secs(10 * 60);

/// The time after which a persistent step is accepted.
const SETTLED: Duration = Duration::from_secs(60 * 60);

/// The maximum difference between the two clocks' progress from one check to the next, in milliseconds. Slewing changes the wall
/// clock by less.
const TOLERANCE: i64 = 5_000;

/// The result of a check of the clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClockCheck {
    /// Records that are expired at this time may be deleted.
    Trusted(Timestamp),
    /// Nothing may be deleted yet.
    Untrusted,
    /// Nothing may be deleted: the wall clock has just stepped by this many milliseconds.
    Stepped(i64),
    /// The wall clock has been this many milliseconds off for an hour and is trusted from now on. Deletion resumes with the next
    /// check.
    Settled(i64),
}

/// The wall clock, compared with the monotonic one.
#[derive(Debug)]
pub(super) struct TrustedTime {
    start: MonotonicInstant,
    /// The trusted offset of the wall clock from the monotonic clock, in milliseconds.
    trusted: i64,
    /// The untrusted offset after a step, and the time of the step.
    stepped: Option<(i64, MonotonicInstant)>,
}

impl TrustedTime {
    /// Starts with the current readings of both clocks.
    pub(super) fn new(now: Timestamp, instant: MonotonicInstant) -> Self {
        Self { start: instant, trusted: ahead(now, instant), stepped: None }
    }

    /// Compares the current readings of both clocks.
    pub(super) fn check(&mut self, now: Timestamp, instant: MonotonicInstant) -> ClockCheck {
        let ahead = ahead(now, instant);
        if is_near(ahead, self.trusted) {
            self.trust(ahead);
        } else {
            match &mut self.stepped {
                Some((stepped, since)) if is_near(ahead, *stepped) => {
                    *stepped = ahead;
                    if instant.since(*since) < SETTLED {
                        return ClockCheck::Untrusted;
                    }
                    let by = ahead.saturating_sub(self.trusted);
                    self.trust(ahead);
                    return ClockCheck::Settled(by);
                }
                stepped => {
                    let before = stepped.map_or(self.trusted, |(stepped, _)| stepped);
                    *stepped = Some((ahead, instant));
                    return ClockCheck::Stepped(ahead.saturating_sub(before));
                }
            }
        }
        if instant.since(self.start) < QUIET_START { ClockCheck::Untrusted } else { ClockCheck::Trusted(now) }
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

    struct ClockFixture {
        clock: std::sync::Arc<ManualClock>,
        time: TrustedTime,
    }

    impl ClockFixture {
        fn new() -> Self {
            let clock = ManualClock::new(NOON);
            let time = TrustedTime::new(clock.now(), clock.instant());
            Self { clock, time }
        }

        /// A bench whose quiet period after the start is over.
        fn quiet() -> Self {
            let mut bench = Self::new();
            assert_eq!(bench.after(QUIET_START), ClockCheck::Trusted(NOON + QUIET_START));
            bench
        }

        fn check(&mut self) -> ClockCheck {
            self.time.check(self.clock.now(), self.clock.instant())
        }

        fn after(&mut self, pause: Duration) -> ClockCheck {
            self.clock.advance(pause);
            self.check()
        }

        fn trusts(&mut self) -> bool {
            self.check() == ClockCheck::Trusted(self.clock.now())
        }

        fn step(&mut self, millis: i64) {
            let now = self.clock.now().as_millis().saturating_add_signed(millis);
            self.clock.step_to(Timestamp::from_millis(now));
        }
    }

    #[test]
    fn nothing_is_deleted_for_ten_minutes_after_a_start() {
        let mut bench = ClockFixture::new();
        assert_eq!(bench.check(), ClockCheck::Untrusted);
        assert_eq!(bench.after(QUIET_START - SECOND), ClockCheck::Untrusted);
        assert_eq!(bench.after(SECOND), ClockCheck::Trusted(NOON + QUIET_START));
    }

    #[test]
    fn a_step_is_reported_once_and_ends_when_the_clock_is_corrected() {
        for step in [HOUR_MILLIS, -HOUR_MILLIS] {
            let mut bench = ClockFixture::quiet();
            bench.step(step);
            assert_eq!(bench.check(), ClockCheck::Stepped(step));
            assert_eq!(bench.after(SECOND), ClockCheck::Untrusted);
            bench.step(-step);
            assert!(bench.trusts());
        }
    }

    #[test]
    fn a_step_that_persists_for_an_hour_is_accepted() {
        let mut bench = ClockFixture::quiet();
        bench.step(HOUR_MILLIS * 24);
        assert_eq!(bench.check(), ClockCheck::Stepped(HOUR_MILLIS * 24));
        assert_eq!(bench.after(HOUR - SECOND), ClockCheck::Untrusted);
        assert_eq!(bench.after(SECOND), ClockCheck::Settled(HOUR_MILLIS * 24));
        assert!(bench.trusts());
        bench.step(-HOUR_MILLIS * 24);
        assert_eq!(bench.check(), ClockCheck::Stepped(-HOUR_MILLIS * 24), "stepping back is another step");
    }

    #[test]
    fn a_second_step_restarts_the_hour() {
        let mut bench = ClockFixture::quiet();
        bench.step(HOUR_MILLIS);
        assert_eq!(bench.check(), ClockCheck::Stepped(HOUR_MILLIS));
        bench.clock.advance(HOUR - SECOND);
        bench.step(HOUR_MILLIS);
        assert_eq!(bench.check(), ClockCheck::Stepped(HOUR_MILLIS));
        assert_eq!(bench.after(HOUR - SECOND), ClockCheck::Untrusted);
        assert_eq!(bench.after(SECOND), ClockCheck::Settled(HOUR_MILLIS * 2));
        assert!(bench.trusts());
    }

    #[test]
    fn a_slewed_clock_stays_trusted() {
        let mut bench = ClockFixture::quiet();
        for _ in 0..100 {
            bench.clock.advance(SECOND);
            bench.step(500);
            assert!(bench.trusts());
        }
    }
}
