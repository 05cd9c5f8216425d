//! The failed-lookup budget: limits the rate of lookups of wrong codes, so that live codes cannot be found by brute
//! force.

use std::{fmt, sync::Arc, time::Duration};

use crate::domain::{
    address::Address,
    address_block::AddressBlock,
    error::{Error, Result},
    limit::{Limit, LimitKey, Rate},
    port::Limits,
};

const MINUTE: Duration = Duration::from_secs(60);

/// The prefix length in bits, its budget as a multiple of a viewer's, and its limit key.
type Prefix = (u32, u32, fn(AddressBlock) -> LimitKey);

/// The IPv6 prefixes with a budget, and each budget as a multiple of a viewer's. The owner of a /48 has 65 536 /64s,
/// and must not get a separate budget for each.
const PREFIXES: [Prefix; 3] =
    [(64, 1, LimitKey::MissesOfLine), (56, 4, LimitKey::MissesOfSite), (48, 16, LimitKey::MissesOfNetwork)];

/// The party that is charged for a failed lookup.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BudgetHolder {
    /// The person who typed the code, by address.
    Viewer(Address),
    /// The caller, if it does not name the viewer.
    Caller(Arc<str>),
}

impl BudgetHolder {
    /// The viewer if the address is known, otherwise the caller.
    #[must_use]
    pub fn new(viewer: Option<Address>, caller: &Arc<str>) -> Self {
        viewer.map_or_else(|| Self::Caller(Arc::clone(caller)), Self::Viewer)
    }
}

/// The budgets of all guessers. Concurrent lookups may overdraw a budget. The guesser then waits until the excess has
/// drained, so the average rate holds.
pub struct LookupBudget {
    limits: Arc<dyn Limits>,
    per_viewer: u32,
    per_caller: u32,
}

impl LookupBudget {
    /// Budgets of this many misses per minute.
    #[must_use]
    pub fn new(limits: Arc<dyn Limits>, per_viewer: u32, per_caller: u32) -> Self {
        Self { limits, per_viewer, per_caller }
    }

    /// Admits a lookup if none of the guesser's budgets is exhausted. Does not charge it.
    ///
    /// # Errors
    /// [`Error::LookupBudgetExhausted`] with the time until the next lookup is admitted; [`Error::StoreUnavailable`].
    pub async fn admit(&self, guesser: &BudgetHolder) -> Result<()> {
        let room = self.limits.admit(&self.of(guesser)).await?;
        room.map_err(|retry_after| Error::LookupBudgetExhausted {
            retry_after,
            viewer_named: matches!(guesser, BudgetHolder::Viewer(_)),
        })
    }

    /// Charges a miss to each of the guesser's budgets. Call it before the guesser gets the result.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub async fn charge(&self, guesser: &BudgetHolder) -> Result<()> {
        Ok(self.limits.charge(&self.of(guesser)).await?)
    }

    /// The guesser's limits: for an IPv6 viewer one for each of [`PREFIXES`], for an IPv4 viewer only the first.
    fn of(&self, guesser: &BudgetHolder) -> Vec<Limit> {
        match guesser {
            BudgetHolder::Viewer(address) => {
                let prefixes = if address.ip().is_ipv4() { &PREFIXES[..1] } else { &PREFIXES };
                let of_prefix = |(prefix, factor, key): &Prefix| Limit {
                    key: key(AddressBlock::of(*address, *prefix)),
                    rate: rate(self.per_viewer.saturating_mul(*factor)),
                };
                prefixes.iter().map(of_prefix).collect()
            }
            BudgetHolder::Caller(name) => {
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

    fn viewer(text: &str) -> BudgetHolder {
        BudgetHolder::new(Some(text.parse().expect("an address")), &"caller".into())
    }

    #[tokio::test]
    async fn ten_misses_a_minute_exhaust_the_budget_until_it_refills() {
        let clock = ManualClock::new(Timestamp::from_millis(1_000_000));
        let budget = budget(clock.clone());
        let guesser = viewer("192.0.2.1");
        for miss in 0..10 {
            assert!(budget.admit(&guesser).await.is_ok(), "miss {miss}");
            budget.charge(&guesser).await.expect("the budget is kept");
        }
        let Err(Error::LookupBudgetExhausted { retry_after, .. }) = budget.admit(&guesser).await else {
            panic!("the eleventh was admitted");
        };
        assert_eq!(retry_after, Duration::from_secs(6));
        assert!(budget.admit(&viewer("192.0.2.2")).await.is_ok(), "another viewer has its own budget");
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
    fn an_ipv4_mapped_address_equals_the_ipv4_address() {
        assert_eq!(viewer("::ffff:192.0.2.1"), viewer("192.0.2.1"));
    }

    #[tokio::test]
    async fn a_large_ipv6_block_does_not_increase_the_guessing_rate() {
        // For each prefix: its budget, and addresses within the prefix.
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
            assert!(budget.admit(&viewer(&address(misses))).await.is_err(), "all {misses} are used");
            assert!(budget.admit(&viewer("2001:db8:1::1")).await.is_ok(), "another /48 is another guesser");
            clock.advance(MINUTE / u32::try_from(misses).expect("fits"));
            assert!(
                budget.admit(&viewer(&address(misses))).await.is_ok(),
                "one of {misses} is available again"
            );
        }
    }
}
