//! How many calls may be repeats: a part of all, and a few before there were any. In a storm in which every call fails the
//! provider gets hardly more calls than there are callers.
//!
//! Of our own, in 20 lines: `tower::retry::budget::TpsBudget` forgets by windows of the machine's clock, which a test cannot move.

use std::sync::atomic::{AtomicI64, Ordering};

/// What a repeat costs.
const REPEAT: i64 = 1000;

/// What a call earns: something less than a fifth of a repeat.
const CALL: i64 = 180;

/// What there is at first, and at most: repeats that are not used are not saved up for a storm.
const RESERVE: i64 = 5 * REPEAT;

/// The budget of one upstream.
#[derive(Debug)]
pub(super) struct RepeatBudget(AtomicI64);

impl Default for RepeatBudget {
    fn default() -> Self {
        Self(AtomicI64::new(RESERVE))
    }
}

impl RepeatBudget {
    /// Counts a call that somebody wants.
    pub(super) fn earn(&self) {
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some((left + CALL).min(RESERVE)));
    }

    /// Whether a call may be repeated; it is paid for then.
    pub(super) fn spend(&self) -> bool {
        let spent = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(REPEAT).filter(|left| *left >= 0)
        });
        spent.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_calls_that_all_fail_less_than_a_fifth_are_repeated() {
        let budget = RepeatBudget::default();
        let mut repeats = 0;
        for _ in 0..1_000 {
            budget.earn();
            repeats += u32::from(budget.spend());
        }
        assert!((150..200).contains(&repeats), "{repeats}");
    }

    #[test]
    fn the_first_calls_may_be_repeated_too() {
        let budget = RepeatBudget::default();
        budget.earn();
        assert!(budget.spend());
    }
}
