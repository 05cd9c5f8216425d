//! Injected time. No other module reads the system's clocks.
//!
//! There are two clocks, for different uses:
//!
//! - **Wall clock** ([`Timestamp`]): times that people, devices or other machines see or send, and times that outlive the
//!   process: create and expire times of records and the lookups that compare with them, schedules, times in JWTs and
//!   signatures, audit entries, leases in the store. It may jump in either direction at any moment.
//! - **Monotonic clock** ([`MonotonicInstant`]): elapsed time in this process: rate limits, budgets, circuit breakers,
//!   pauses, retries, polls, the age of cached values, and cleanup tasks. It never goes back, counts the time that the
//!   machine is suspended, and has no meaning in another process. A stored time is converted to an instant when it is
//!   read ([`Clock::instant_of`]).
//!
//! Two uses of time go by the runtime's timers instead, because no test has to control them: the deadline of a call
//! ([`Deadline`](super::call::Deadline)), and measured durations that decide nothing (`Stopwatch`).
//!
//! In short: a time with a date is wall-clock time; a duration is monotonic time.

use std::{
    fmt,
    future::Future,
    ops::Add,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

/// A wall-clock time in whole milliseconds since the Unix epoch, the resolution of the REST API's `generated` and
/// `expires`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Returns the time `milliseconds` after the Unix epoch.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// Returns the milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns the seconds since the Unix epoch, rounded up.
    #[must_use]
    pub const fn as_secs_rounded_up(self) -> u64 {
        self.0.div_ceil(1000)
    }

    /// Returns the duration from `earlier` to this time; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Returns the time `duration` before this one, but not before the Unix epoch.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// An instant of the monotonic clock, in whole microseconds since an arbitrary start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonotonicInstant(u64);

impl MonotonicInstant {
    /// Returns the instant `microseconds` after the clock's start.
    #[must_use]
    pub const fn from_micros(microseconds: u64) -> Self {
        Self(microseconds)
    }

    /// Returns the microseconds since the clock's start.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Returns the duration from `earlier` to this instant; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// Returns the instant `duration` before this one, but not before the clock's start.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Add<Duration> for MonotonicInstant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
    }
}

/// Measures real elapsed time for metrics and messages. No decision may depend on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a measured duration is real time, which no test controls")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the time since the start.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "reads the same clock as `start`")]
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// A pending sleep.
pub type Sleep<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A source of time that tests can control. The module documentation says which clock to use.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Returns the current wall-clock time.
    fn now(&self) -> Timestamp;

    /// Returns the current instant of the monotonic clock.
    fn instant(&self) -> MonotonicInstant;

    /// Completes when the wall clock shows `deadline` or later. Never completes early.
    fn sleep_until(&self, deadline: Timestamp) -> Sleep<'_>;

    /// Completes when the monotonic clock reaches `deadline`. Never completes early.
    fn sleep_until_instant(&self, deadline: MonotonicInstant) -> Sleep<'_>;

    /// Completes after `duration` of monotonic time.
    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        self.sleep_until_instant(self.instant() + duration)
    }

    /// Converts a stored time of the past to an instant, assuming that the wall clock is right now. Returns the current
    /// instant if `moment` is in the future.
    fn instant_of(&self, moment: Timestamp) -> MonotonicInstant {
        self.instant().before(self.now().since(moment))
    }

    /// Converts a stored expiry to an instant, assuming that the wall clock does not jump. Returns the current instant if
    /// `moment` has passed.
    fn instant_until(&self, moment: Timestamp) -> MonotonicInstant {
        self.instant() + moment.since(self.now())
    }

    /// Converts a past `instant` to a wall-clock time for the store, assuming that the wall clock is right now.
    fn moment_of(&self, instant: MonotonicInstant) -> Timestamp {
        self.now().before(self.instant().since(instant))
    }
}

/// A shared clock.
pub type SharedClock = Arc<dyn Clock>;

/// The system's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// The maximum interval at which a sleeping task reads the clock again. The runtime's timers do not notice a jump of the
/// wall clock, and stop while the machine is suspended.
const LONGEST_NAP: Duration = Duration::from_secs(30);

/// Unlike `CLOCK_MONOTONIC`, `CLOCK_BOOTTIME` of Linux also counts the time that the machine is suspended.
#[cfg(target_os = "linux")]
const ELAPSED: rustix::time::ClockId = rustix::time::ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const ELAPSED: rustix::time::ClockId = rustix::time::ClockId::Monotonic;

/// The instant at which the machine starts: 100 years, so that stored times before that can be converted too.
const BOOT: MonotonicInstant = MonotonicInstant(100 * 365 * 24 * 3_600 * 1_000_000);

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the system's clock")]
    fn now(&self) -> Timestamp {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }

    fn instant(&self) -> MonotonicInstant {
        let elapsed = Duration::try_from(rustix::time::clock_gettime(ELAPSED)).unwrap_or_default();
        BOOT + elapsed
    }

    fn sleep_until(&self, deadline: Timestamp) -> Sleep<'_> {
        Box::pin(nap_while(move || deadline.since(self.now())))
    }

    fn sleep_until_instant(&self, deadline: MonotonicInstant) -> Sleep<'_> {
        Box::pin(nap_while(move || deadline.since(self.instant())))
    }
}

async fn nap_while(rest: impl Fn() -> Duration + Send) {
    loop {
        let rest = rest();
        if rest.is_zero() {
            return;
        }
        tokio::time::sleep(rest.min(LONGEST_NAP)).await;
    }
}

/// Clocks that advance only on request. For tests.
#[derive(Debug)]
pub struct ManualClock {
    shown: tokio::sync::watch::Sender<ClockReading>,
}

#[derive(Debug, Clone, Copy)]
struct ClockReading {
    now: Timestamp,
    instant: MonotonicInstant,
}

impl ManualClock {
    /// Creates a wall clock at `start`, and a monotonic clock.
    #[must_use]
    pub fn new(start: Timestamp) -> Arc<Self> {
        let shown = ClockReading { now: start, instant: BOOT };
        Arc::new(Self { shown: tokio::sync::watch::Sender::new(shown) })
    }

    /// Advances both clocks and wakes their sleepers.
    pub fn advance(&self, by: Duration) {
        self.shown.send_modify(|shown| {
            shown.now = shown.now + by;
            shown.instant = shown.instant + by;
        });
    }

    /// Sets the wall clock forward or back and wakes its sleepers. The monotonic clock does not change.
    pub fn step_to(&self, moment: Timestamp) {
        self.shown.send_modify(|shown| shown.now = moment);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.shown.borrow().now
    }

    fn instant(&self) -> MonotonicInstant {
        self.shown.borrow().instant
    }

    fn sleep_until(&self, deadline: Timestamp) -> Sleep<'_> {
        self.wait_for(move |shown| shown.now >= deadline)
    }

    fn sleep_until_instant(&self, deadline: MonotonicInstant) -> Sleep<'_> {
        self.wait_for(move |shown| shown.instant >= deadline)
    }
}

impl ManualClock {
    fn wait_for(&self, over: impl FnMut(&ClockReading) -> bool + Send + 'static) -> Sleep<'_> {
        let mut shown = self.shown.subscribe();
        Box::pin(async move {
            // Cannot fail: the future borrows `self`, which owns the sender.
            let _ = shown.wait_for(over).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const NOON: Timestamp = Timestamp::from_millis(1_763_000_000_000);

    #[test]
    fn a_jump_of_the_wall_clock_does_not_advance_the_monotonic_clock() {
        let clock = ManualClock::new(NOON);
        let start = clock.instant();
        clock.step_to(NOON + HOUR);
        assert_eq!((clock.now(), clock.instant()), (NOON + HOUR, start));
        clock.step_to(Timestamp::from_millis(0));
        assert_eq!((clock.now(), clock.instant()), (Timestamp::from_millis(0), start));
        clock.advance(HOUR);
        assert_eq!((clock.now(), clock.instant()), (Timestamp::from_millis(3_600_000), start + HOUR));
    }

    #[test]
    fn a_sleep_is_independent_of_the_wall_clock() {
        let clock = ManualClock::new(NOON);
        let mut a_while = clock.sleep(HOUR);
        let mut until_one = clock.sleep_until(NOON + HOUR);
        clock.step_to(NOON + HOUR);
        assert!((&mut a_while).now_or_never().is_none());
        assert!((&mut until_one).now_or_never().is_some());
        clock.step_to(Timestamp::from_millis(0));
        clock.advance(HOUR);
        assert!(a_while.now_or_never().is_some());
    }

    #[test]
    fn a_stored_time_keeps_its_age_when_the_wall_clock_jumps_after_the_read() {
        let clock = ManualClock::new(NOON);
        let read = clock.instant_of(Timestamp::from_millis(NOON.as_millis() - 1_000));
        clock.step_to(Timestamp::from_millis(0));
        clock.advance(HOUR);
        assert_eq!(clock.instant().since(read), HOUR + Duration::from_secs(1));
        assert_eq!(clock.instant_of(NOON), clock.instant(), "a future time has no age");
        let end = clock.instant_until(clock.now() + HOUR);
        clock.step_to(NOON);
        assert_eq!(end.since(clock.instant()), HOUR);
        clock.advance(HOUR * 2);
        assert_eq!(clock.moment_of(end), NOON + HOUR);
    }

    #[test]
    fn times_stored_before_the_machine_started_keep_their_age() {
        let years = HOUR * 24 * 365 * 20;
        let kept = SystemClock.instant_of(SystemClock.now().before(years));
        assert!(SystemClock.instant().since(kept) >= years);
    }

    #[tokio::test]
    async fn the_system_clocks_advance_and_never_wake_a_sleeper_early() {
        let (now, instant) = (SystemClock.now(), SystemClock.instant());
        let nap = Duration::from_millis(2);
        SystemClock.sleep(nap).await;
        assert!(SystemClock.instant() >= instant + nap);
        SystemClock.sleep_until(now + nap).await;
        assert!(SystemClock.now() >= now + nap);
    }
}
