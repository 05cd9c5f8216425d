//! How many wrong codes may be tried. Without this limit a machine would find live codes by trying.

use std::{fmt, sync::Arc, time::Duration};

use crate::domain::{
    address::Address,
    address_block::AddressBlock,
    error::{Error, Result},
    limit::{Limit, LimitKey, Rate},
    port::Limits,
};

const MINUTE: Duration = Duration::from_secs(60);

/// How many bits, how many times a viewer's budget, and which limit that is.
type Prefix = (u32, u32, fn(AddressBlock) -> LimitKey);

/// The IPv6 prefixes that have a budget, and how many times a viewer's each has. Who has a /48 has 65 536 /64s, and must not
/// guess with the budgets of all of them.
const PREFIXES: [Prefix; 3] =
    [(64, 1, LimitKey::MissesOfLine), (56, 4, LimitKey::MissesOfSite), (48, 16, LimitKey::MissesOfNetwork)];

/// Who pays for a lookup that finds nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Guesser {
    /// The person who typed the code, by address.
    Viewer(Address),
    /// The caller, where it does not say who typed.
    Caller(Arc<str>),
}

impl Guesser {
    /// Who pays: the viewer where the address is known, else the caller.
    #[must_use]
    pub fn new(viewer: Option<Address>, caller: &Arc<str>) -> Self {
        viewer.map_or_else(|| Self::Caller(Arc::clone(caller)), Self::Viewer)
    }
}

/// The budgets of all guessers. Lookups that are under way together may overdraw one; the excess is waited for, so that the
/// rate holds in the long run.
pub struct LookupBudget {
    limits: Arc<dyn Limits>,
    per_viewer: u32,
    per_caller: u32,
}

impl LookupBudget {
    /// Budgets of so many misses a minute.
    #[must_use]
    pub fn new(limits: Arc<dyn Limits>, per_viewer: u32, per_caller: u32) -> Self {
        Self { limits, per_viewer, per_caller }
    }

    /// Lets a lookup pass if none of the guesser's budgets is used up. Costs nothing.
    ///
    /// # Errors
    /// [`Error::LookupBudgetExhausted`] with the time after which one more is allowed; [`Error::StoreUnavailable`].
    pub async fn admit(&self, guesser: &Guesser) -> Result<()> {
        let room = self.limits.admit(&self.of(guesser)).await?;
        room.map_err(|retry_after| Error::LookupBudgetExhausted {
            retry_after,
            viewer_named: matches!(guesser, Guesser::Viewer(_)),
        })
    }

    /// Takes a miss from each of the guesser's budgets. It must be done before the guesser learns of the miss.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub async fn charge(&self, guesser: &Guesser) -> Result<()> {
        Ok(self.limits.charge(&self.of(guesser)).await?)
    }

    /// What limits the guesser: a viewer has one for each of [`PREFIXES`], with an IPv4 address the first one alone.
    fn of(&self, guesser: &Guesser) -> Vec<Limit> {
        match guesser {
            Guesser::Viewer(address) => {
                let prefixes = if address.ip().is_ipv4() { &PREFIXES[..1] } else { &PREFIXES };
                let of_prefix = |(prefix, factor, key): &Prefix| Limit {
                    key: key(AddressBlock::of(*address, *prefix)),
                    rate: rate(self.per_viewer.saturating_mul(*factor)),
                };
                prefixes.iter().map(of_prefix).collect()
            }
            Guesser::Caller(name) => {
                vec![Limit { key: LimitKey::MissesOfCaller(Arc::clone(name)), rate: rate(self.per_caller) }]
            }
        }
    }
}

fn rate(misses: u32) -> Rate {
    Rate::new(misses, MINUTE, misses)
}

impl fmt::Debug for LookupBudget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LookupBudget").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::clock::{ManualClock, SharedClock, Timestamp},
        store::memory::MemoryLimits,
    };

    fn budget(clock: SharedClock) -> LookupBudget {
        LookupBudget::new(Arc::new(MemoryLimits::new(&clock)), 10, 600)
    }

    fn viewer(text: &str) -> Guesser {
        Guesser::new(Some(text.parse().expect("an address")), &"caller".into())
    }

    #[tokio::test]
    async fn ten_misses_a_minute_then_none_until_there_is_room_again() {
        let clock = ManualClock::new(Timestamp::from_millis(1_000_000));
        let budget = budget(clock.clone());
        let guesser = viewer("192.0.2.1");
        for miss in 0..10 {
            assert!(budget.admit(&guesser).await.is_ok(), "miss {miss}");
            budget.charge(&guesser).await.expect("the budget is kept");
        }
        let Err(Error::LookupBudgetExhausted { retry_after, .. }) = budget.admit(&guesser).await else {
            panic!("the eleventh passed");
        };
        assert_eq!(retry_after, Duration::from_secs(6));
        assert!(budget.admit(&viewer("192.0.2.2")).await.is_ok(), "another viewer has a budget of its own");
        clock.advance(retry_after);
        assert!(budget.admit(&guesser).await.is_ok());
        budget.charge(&guesser).await.expect("the budget is kept");
        assert!(budget.admit(&guesser).await.is_err());
        clock.advance(Duration::from_secs(60));
        for _ in 0..10 {
            assert!(budget.admit(&guesser).await.is_ok());
            budget.charge(&guesser).await.expect("the budget is kept");
        }
        assert!(budget.admit(&guesser).await.is_err());
    }

    #[test]
    fn a_mapped_address_is_its_ipv4() {
        assert_eq!(viewer("::ffff:192.0.2.1"), viewer("192.0.2.1"));
    }

    #[tokio::test]
    async fn who_has_a_large_ipv6_block_guesses_no_faster_for_it() {
        // For each prefix: the budget, and the addresses that a guesser with that much goes through.
        type Address = fn(usize) -> String;
        let cases: [(usize, Address); 3] = [
            (10, |host| format!("2001:db8::{host:x}")),
            (40, |network| format!("2001:db8:0:{network:x}::1")),
            (160, |network| format!("2001:db8:0:{network:x}00::1")),
        ];
        for (misses, address) in cases {
            let clock = ManualClock::new(Timestamp::from_millis(1_000_000));
            let budget = budget(clock.clone());
            for miss in 0..misses {
                assert!(budget.admit(&viewer(&address(miss))).await.is_ok(), "miss {miss} of {misses}");
                budget.charge(&viewer(&address(miss))).await.expect("the budget is kept");
            }
            assert!(budget.admit(&viewer(&address(misses))).await.is_err(), "{misses} are used up");
            assert!(budget.admit(&viewer("2001:db8:1::1")).await.is_ok(), "another /48 is another guesser");
            clock.advance(MINUTE / u32::try_from(misses).expect("fits"));
            assert!(budget.admit(&viewer(&address(misses))).await.is_ok(), "one of {misses} has come back");
        }
    }
}
