//! Time, injected. Nothing else in passbridge reads the system's clocks.
//!
//! There are two, and each use of time takes the one that fits:
//!
//! - **Wall clock** ([`Timestamp`]): what a person, a device or another machine sees or has said, and what is kept beyond
//!   this process. Records' create and expire times and the lookups that compare with them, schedules, times in JWTs and
//!   signatures, audit lines, leases in the store. It may be stepped in either direction at any moment.
//! - **Monotonic clock** ([`MonotonicInstant`]): how much time has passed here. Throttles, budgets, circuit breakers,
//!   pauses, retries, polls, the age of what is held in memory, and housekeeping. It never goes back, counts the time that
//!   the machine is suspended, and means nothing to another process. A time that is kept in the store is turned into an
//!   instant when it is read ([`Clock::instant_of`]).
//!
//! Two things go by the runtime's own timers, which no test need move: until when a call is answered
//! ([`Deadline`](super::call::Deadline)), and how long something took, for figures that decide nothing (`Stopwatch`).
//!
//! In short: a moment that has a date is wall-clock time; "for" or "after so long" is monotonic.

use std::{
    fmt,
    future::Future,
    ops::Add,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

/// A moment, in whole milliseconds since the Unix epoch: the resolution of the REST API's `generated` and
/// `expires`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment `milliseconds` after the Unix epoch.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded up.
    #[must_use]
    pub const fn as_secs_rounded_up(self) -> u64 {
        self.0.div_ceil(1000)
    }

    /// The time from `earlier` to this moment; zero where `earlier` is the later one.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The moment so long before this one; the Unix epoch where that would be before it.
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

/// An instant of the monotonic clock, in whole microseconds since a start that has no meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonotonicInstant(u64);

impl MonotonicInstant {
    /// The instant `microseconds` after the clock's start.
    #[must_use]
    pub const fn from_micros(microseconds: u64) -> Self {
        Self(microseconds)
    }

    /// Microseconds since the clock's start.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this instant; zero where `earlier` is the later one.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The instant so long before this one; the clock's start where that would be before it.
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

/// How long something takes, for metrics and for people: nothing is decided by it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins now.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "a figure of what really took so long, which no test moves"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// How long it has been.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "by the clock that it was started by")]
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// A wait.
pub type Sleep<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A source of time that a test can move. The module's text says which clock is for what.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The present moment by the wall clock.
    fn now(&self) -> Timestamp;

    /// The present instant of the monotonic clock.
    fn instant(&self) -> MonotonicInstant;

    /// Completes when the wall clock shows `deadline` or later. Never completes early.
    fn sleep_until(&self, deadline: Timestamp) -> Sleep<'_>;

    /// Completes when `deadline` of the monotonic clock has come. Never completes early.
    fn sleep_until_instant(&self, deadline: MonotonicInstant) -> Sleep<'_>;

    /// Completes after `duration`, whatever the wall clock does meanwhile.
    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        self.sleep_until_instant(self.instant() + duration)
    }

    /// The instant at which the wall clock showed `moment`, as far as it shows the right time now: for a past time that
    /// was kept in the store. The present instant where `moment` is in the future.
    fn instant_of(&self, moment: Timestamp) -> MonotonicInstant {
        self.instant().before(self.now().since(moment))
    }

    /// The instant at which the wall clock will show `moment`, if it is not stepped: for an end that was kept in the store.
    /// The present instant where `moment` is past.
    fn instant_until(&self, moment: Timestamp) -> MonotonicInstant {
        self.instant() + moment.since(self.now())
    }

    /// What the wall clock would have shown at a past `instant`, as far as it shows the right time now: for what is to be
    /// kept in the store.
    fn moment_of(&self, instant: MonotonicInstant) -> Timestamp {
        self.now().before(self.instant().since(instant))
    }
}

/// A clock that many parts share.
pub type SharedClock = Arc<dyn Clock>;

/// The system's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// A sleeping task looks at the clock again at least this often: the runtime's timers know nothing of a stepped wall
/// clock, and stand still while the machine is suspended.
const LONGEST_NAP: Duration = Duration::from_secs(30);

/// Linux's monotonic clock stands still while the machine is suspended; this one does not.
#[cfg(target_os = "linux")]
const ELAPSED: rustix::time::ClockId = rustix::time::ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const ELAPSED: rustix::time::ClockId = rustix::time::ClockId::Monotonic;

/// What the monotonic clock shows when the machine starts: a hundred years, so that a time that was kept before that has
/// an instant too.
const BOOT: MonotonicInstant = MonotonicInstant(100 * 365 * 24 * 3_600 * 1_000_000);

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the system's clock")]
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

/// Clocks that stand still until they are moved. For tests.
#[derive(Debug)]
pub struct ManualClock {
    shown: tokio::sync::watch::Sender<Shown>,
}

#[derive(Debug, Clone, Copy)]
struct Shown {
    now: Timestamp,
    instant: MonotonicInstant,
}

impl ManualClock {
    /// A wall clock that shows `start`, and a monotonic one.
    #[must_use]
    pub fn new(start: Timestamp) -> Arc<Self> {
        let shown = Shown { now: start, instant: BOOT };
        Arc::new(Self { shown: tokio::sync::watch::Sender::new(shown) })
    }

    /// Lets time pass by both clocks, and wakes who sleeps by them.
    pub fn advance(&self, by: Duration) {
        self.shown.send_modify(|shown| {
            shown.now = shown.now + by;
            shown.instant = shown.instant + by;
        });
    }

    /// Sets the wall clock, forward or back, while no time passes by the monotonic one; wakes who sleeps by it.
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
    fn wait_for(&self, over: impl FnMut(&Shown) -> bool + Send + 'static) -> Sleep<'_> {
        let mut shown = self.shown.subscribe();
        Box::pin(async move {
            // The sender lives in `self`, which this future borrows: it cannot be gone.
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
    fn a_step_of_the_wall_clock_is_no_time_passed() {
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
    fn who_sleeps_for_a_while_sleeps_as_long_whatever_the_wall_clock_does() {
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
    fn a_kept_time_keeps_its_age_when_the_wall_clock_steps_after_it_was_read() {
        let clock = ManualClock::new(NOON);
        let read = clock.instant_of(Timestamp::from_millis(NOON.as_millis() - 1_000));
        clock.step_to(Timestamp::from_millis(0));
        clock.advance(HOUR);
        assert_eq!(clock.instant().since(read), HOUR + Duration::from_secs(1));
        assert_eq!(clock.instant_of(NOON), clock.instant(), "what is in the future has no age");
        let end = clock.instant_until(clock.now() + HOUR);
        clock.step_to(NOON);
        assert_eq!(end.since(clock.instant()), HOUR);
        clock.advance(HOUR * 2);
        assert_eq!(clock.moment_of(end), NOON + HOUR);
    }

    #[test]
    fn what_was_kept_before_the_machine_started_keeps_its_age() {
        let years = HOUR * 24 * 365 * 20;
        let kept = SystemClock.instant_of(SystemClock.now().before(years));
        assert!(SystemClock.instant().since(kept) >= years);
    }

    #[tokio::test]
    async fn the_systems_clocks_go_forward_and_wake_no_sleeper_early() {
        let (now, instant) = (SystemClock.now(), SystemClock.instant());
        let nap = Duration::from_millis(2);
        SystemClock.sleep(nap).await;
        assert!(SystemClock.instant() >= instant + nap);
        SystemClock.sleep_until(now + nap).await;
        assert!(SystemClock.now() >= now + nap);
    }
}
