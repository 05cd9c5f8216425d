//! How many wrong codes may be tried. Without this limit a machine would find live codes by trying.

use std::{sync::Arc, time::Duration};

use crate::domain::{
    address::Address,
    address_block::AddressBlock,
    clock::SharedClock,
    error::{Error, Result},
    leaky_bucket::{LeakyBuckets, Rate},
};

const MINUTE: Duration = Duration::from_secs(60);

/// The IPv6 prefixes that have a budget, and how many times a viewer's each has. Who has a /48 has 65 536 /64s, and must not
/// guess with the budgets of all of them.
const PREFIXES: [(u32, u32); 3] = [(64, 1), (56, 4), (48, 16)];

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
#[derive(Debug)]
pub struct LookupBudget {
    /// One for each of [`PREFIXES`], the longest prefix first. IPv4 addresses are in the first one alone.
    viewers: [BlockBudget; PREFIXES.len()],
    callers: LeakyBuckets<Arc<str>>,
    per_caller: Rate,
}

/// The budgets of blocks of one size.
#[derive(Debug)]
struct BlockBudget {
    prefix: u32,
    blocks: LeakyBuckets<AddressBlock>,
    rate: Rate,
}

impl BlockBudget {
    fn admit(&self, address: Address) -> std::result::Result<(), Duration> {
        self.blocks.admit(&AddressBlock::of(address, self.prefix), self.rate)
    }

    fn charge(&self, address: Address) {
        self.blocks.charge(&AddressBlock::of(address, self.prefix), self.rate);
    }
}

impl LookupBudget {
    /// Budgets of so many misses a minute.
    #[must_use]
    pub fn new(clock: SharedClock, per_viewer: u32, per_caller: u32) -> Self {
        let rate = |misses| Rate::new(misses, MINUTE, misses);
        let viewers = PREFIXES.map(|(prefix, factor)| BlockBudget {
            prefix,
            blocks: LeakyBuckets::new(clock.clone()),
            rate: rate(per_viewer.saturating_mul(factor)),
        });
        Self { viewers, callers: LeakyBuckets::new(clock), per_caller: rate(per_caller) }
    }

    /// Lets a lookup pass if none of the guesser's budgets is used up. Costs nothing.
    ///
    /// # Errors
    /// [`Error::LookupBudgetExhausted`] with the time after which one more is allowed.
    pub fn admit(&self, guesser: &Guesser) -> Result<()> {
        let wait = match guesser {
            Guesser::Viewer(address) => {
                self.of_viewer(*address).iter().filter_map(|budget| budget.admit(*address).err()).max()
            }
            Guesser::Caller(name) => self.callers.admit(name, self.per_caller).err(),
        };
        match wait {
            None => Ok(()),
            Some(retry_after) => Err(Error::LookupBudgetExhausted {
                retry_after,
                viewer_named: matches!(guesser, Guesser::Viewer(_)),
            }),
        }
    }

    /// Takes a miss from each of the guesser's budgets.
    pub fn charge(&self, guesser: &Guesser) {
        match guesser {
            Guesser::Viewer(address) => {
                self.of_viewer(*address).iter().for_each(|budget| budget.charge(*address));
            }
            Guesser::Caller(name) => self.callers.charge(name, self.per_caller),
        }
    }

    fn of_viewer(&self, address: Address) -> &[BlockBudget] {
        if address.ip().is_ipv4() { &self.viewers[..1] } else { &self.viewers }
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
    fn a_mapped_address_is_its_ipv4() {
        assert_eq!(viewer("::ffff:192.0.2.1"), viewer("192.0.2.1"));
    }

    #[test]
    fn who_has_a_large_ipv6_block_guesses_no_faster_for_it() {
        // For each prefix: the budget, and the addresses that a guesser with that much goes through.
        type Address = fn(usize) -> String;
        let cases: [(usize, Address); 3] = [
            (10, |host| format!("2001:db8::{host:x}")),
            (40, |network| format!("2001:db8:0:{network:x}::1")),
            (160, |network| format!("2001:db8:0:{network:x}00::1")),
        ];
        for (misses, address) in cases {
            let clock = ManualClock::new(Timestamp::from_millis(1_000_000));
            let budget = LookupBudget::new(clock.clone(), 10, 600);
            for miss in 0..misses {
                assert!(budget.admit(&viewer(&address(miss))).is_ok(), "miss {miss} of {misses}");
                budget.charge(&viewer(&address(miss)));
            }
            assert!(budget.admit(&viewer(&address(misses))).is_err(), "{misses} are used up");
            assert!(budget.admit(&viewer("2001:db8:1::1")).is_ok(), "another /48 is another guesser");
            clock.advance(MINUTE / u32::try_from(misses).expect("fits"));
            assert!(budget.admit(&viewer(&address(misses))).is_ok(), "one of {misses} has come back");
        }
    }
}
