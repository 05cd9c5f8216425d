//! How many wrong codes may be tried. Without this limit a machine would find live codes by trying.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use crate::domain::{
    clock::SharedClock,
    error::{Error, Result},
    leaky_bucket::{LeakyBuckets, Rate},
};

const MINUTE: Duration = Duration::from_secs(60);

/// Who pays for a lookup that finds nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Guesser {
    /// The person who typed the code, by address.
    Viewer(Line),
    /// The caller, where it does not say who typed.
    Caller(Arc<str>),
}

impl Guesser {
    /// Who pays: the viewer where the address is known, else the caller.
    #[must_use]
    pub fn new(viewer: Option<IpAddr>, caller: &Arc<str>) -> Self {
        viewer.map_or_else(|| Self::Caller(Arc::clone(caller)), |address| Self::Viewer(Line::of(address)))
    }
}

/// An address as far as it tells one line from another: of an IPv6 address the /64, since a line gets at least that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Line(IpAddr);

impl Line {
    /// The line that `address` is on.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                Self(IpAddr::V6(Ipv6Addr::from(network)))
            }
            address => Self(address),
        }
    }
}

/// A leaky bucket a guesser. Lookups that are under way together may overdraw it; what they overdrew is waited for,
/// so that the rate holds in the long run.
#[derive(Debug)]
pub struct LookupBudget {
    buckets: LeakyBuckets<Guesser>,
    per_viewer: Rate,
    per_caller: Rate,
}

impl LookupBudget {
    /// Budgets of so many misses a minute.
    #[must_use]
    pub fn new(clock: SharedClock, per_viewer: u32, per_caller: u32) -> Self {
        let rate = |misses| Rate::new(misses, MINUTE, misses);
        Self { buckets: LeakyBuckets::new(clock), per_viewer: rate(per_viewer), per_caller: rate(per_caller) }
    }

    /// Lets a lookup pass if the guesser's budget is not used up. Costs nothing.
    ///
    /// # Errors
    /// [`Error::LookupBudgetExhausted`] with the time after which one more is allowed.
    pub fn admit(&self, guesser: &Guesser) -> Result<()> {
        self.buckets.admit(guesser, self.rate(guesser)).map_err(|retry_after| Error::LookupBudgetExhausted {
            retry_after,
            viewer_named: matches!(guesser, Guesser::Viewer(_)),
        })
    }

    /// Takes a miss from the guesser's budget.
    pub fn charge(&self, guesser: &Guesser) {
        self.buckets.charge(guesser, self.rate(guesser));
    }

    fn rate(&self, guesser: &Guesser) -> Rate {
        match guesser {
            Guesser::Viewer(_) => self.per_viewer,
            Guesser::Caller(_) => self.per_caller,
        }
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
    fn an_ipv6_line_has_one_budget_and_a_mapped_address_is_its_ipv4() {
        assert_eq!(viewer("2001:db8::1"), viewer("2001:db8::ffff:1"));
        assert_ne!(viewer("2001:db8::1"), viewer("2001:db8:0:1::1"));
        assert_eq!(viewer("::ffff:192.0.2.1"), viewer("192.0.2.1"));
    }
}
