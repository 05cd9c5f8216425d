//! How many wrong codes may be tried. Without this limit a machine would find live codes by trying.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use quick_cache::sync::Cache;

use crate::domain::{
    clock::SharedClock,
    error::{Error, Result},
};

const MINUTE_MILLIS: u64 = 60_000;

/// How many viewers and callers are remembered at once. The least used are forgotten first, so that memory is
/// bounded whatever addresses callers name.
const REMEMBERED: usize = 100_000;

/// Who pays for a lookup that finds nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Guesser {
    /// The person who typed the code, by address; of an IPv6 address the /64, since a line gets at least that.
    Viewer(IpAddr),
    /// The caller, where it does not say who typed.
    Caller(Arc<str>),
}

impl Guesser {
    /// Who pays: the viewer where the address is known, else the caller.
    #[must_use]
    pub fn new(viewer: Option<IpAddr>, caller: &Arc<str>) -> Self {
        match viewer.map(|address| address.to_canonical()) {
            Some(IpAddr::V6(address)) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                Self::Viewer(IpAddr::V6(Ipv6Addr::from(network)))
            }
            Some(address) => Self::Viewer(address),
            None => Self::Caller(Arc::clone(caller)),
        }
    }
}

/// A leaky bucket a guesser, kept as the moment at which it will be empty (GCRA). Lookups that are under way
/// together may overdraw it; what they overdrew is waited for, so that the rate holds in the long run.
#[derive(Debug)]
pub struct LookupBudget {
    clock: SharedClock,
    empty_at: Cache<Guesser, Arc<AtomicU64>>,
    per_viewer: u32,
    per_caller: u32,
}

impl LookupBudget {
    /// Budgets of so many misses a minute.
    #[must_use]
    pub fn new(clock: SharedClock, per_viewer: u32, per_caller: u32) -> Self {
        Self { clock, empty_at: Cache::new(REMEMBERED), per_viewer, per_caller }
    }

    /// Lets a lookup pass if the guesser's budget is not used up. Costs nothing.
    ///
    /// # Errors
    /// [`Error::LookupBudgetExhausted`] with the time after which one more is allowed.
    pub fn admit(&self, guesser: &Guesser) -> Result<()> {
        let Some(empty_at) = self.empty_at.get(guesser) else { return Ok(()) };
        let interval = self.interval(guesser);
        let full = self.clock.now().as_millis() + MINUTE_MILLIS;
        let after_one_more = empty_at.load(Ordering::Relaxed) + interval;
        if after_one_more <= full {
            Ok(())
        } else {
            Err(Error::LookupBudgetExhausted {
                retry_after: Duration::from_millis(after_one_more - full),
                viewer_named: matches!(guesser, Guesser::Viewer(_)),
            })
        }
    }

    /// Takes a miss from the guesser's budget.
    pub fn charge(&self, guesser: &Guesser) {
        let now = self.clock.now().as_millis();
        let interval = self.interval(guesser);
        let empty_at = self
            .empty_at
            .get_or_insert_with(guesser, || Ok::<_, std::convert::Infallible>(Arc::default()))
            .unwrap_or_else(|never| match never {});
        let _ = empty_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |empty_at| {
            Some(empty_at.max(now) + interval)
        });
    }

    fn interval(&self, guesser: &Guesser) -> u64 {
        let per_minute = match guesser {
            Guesser::Viewer(_) => self.per_viewer,
            Guesser::Caller(_) => self.per_caller,
        };
        MINUTE_MILLIS / u64::from(per_minute.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::{ManualClock, Timestamp};

    fn viewer(text: &str) -> Guesser {
        Guesser::new(Some(text.parse().expect("an address")), &"caller".into())
    }

    #[test]
    fn ten_misses_a_minute_then_none_until_there_is_room_again() {
        let clock = ManualClock::new(Timestamp::from_millis(1_000_000));
        let budget = LookupBudget::new(clock.clone(), 10, 600);
        let guesser = viewer("192.0.2.1");
        for miss in 0..10 {
            assert!(budget.admit(&guesser).is_ok(), "miss {miss}");
            budget.charge(&guesser);
        }
        let Err(Error::LookupBudgetExhausted { retry_after, .. }) = budget.admit(&guesser) else {
            panic!("the eleventh passed");
        };
        assert_eq!(retry_after, Duration::from_secs(6));
        assert!(budget.admit(&viewer("192.0.2.2")).is_ok(), "another viewer has a budget of its own");
        clock.advance(retry_after);
        assert!(budget.admit(&guesser).is_ok());
        budget.charge(&guesser);
        assert!(budget.admit(&guesser).is_err());
        clock.advance(Duration::from_secs(60));
        for _ in 0..10 {
            assert!(budget.admit(&guesser).is_ok());
            budget.charge(&guesser);
        }
        assert!(budget.admit(&guesser).is_err());
    }

    #[test]
    fn what_concurrent_lookups_overdrew_is_waited_for() {
        let clock = ManualClock::new(Timestamp::from_millis(0));
        let budget = LookupBudget::new(clock.clone(), 10, 600);
        let guesser = viewer("192.0.2.1");
        (0..20).for_each(|_| budget.charge(&guesser));
        clock.advance(Duration::from_secs(60));
        assert!(budget.admit(&guesser).is_err());
        clock.advance(Duration::from_secs(6));
        assert!(budget.admit(&guesser).is_ok());
    }

    #[test]
    fn an_ipv6_line_has_one_budget_and_a_mapped_address_is_its_ipv4() {
        assert_eq!(viewer("2001:db8::1"), viewer("2001:db8::ffff:1"));
        assert_ne!(viewer("2001:db8::1"), viewer("2001:db8:0:1::1"));
        assert_eq!(viewer("::ffff:192.0.2.1"), viewer("192.0.2.1"));
    }
}
