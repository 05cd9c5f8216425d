//! The retry budget: it limits retries to a fraction of all calls, plus a small reserve. When every call fails, the provider
//! receives hardly more calls than callers make.
//!
//! `tower::retry::budget::TpsBudget` is not used because it expires by the machine's clock, which a test cannot control.

use std::sync::atomic::{AtomicI64, Ordering};

/// The cost of a retry.
const RETRY: i64 = 1000;

/// The deposit of a call: slightly less than a fifth of a retry.
const CALL: i64 = 180;

/// The initial and the maximum balance: unused retries do not accumulate for a time of failures.
const RESERVE: i64 = 5 * RETRY;

/// The retry budget of one upstream.
#[derive(Debug)]
pub(super) struct RetryBudget(AtomicI64);

impl Default for RetryBudget {
    fn default() -> Self {
        Self(AtomicI64::new(RESERVE))
    }
}

impl RetryBudget {
    /// Deposits for a call that a caller requested.
    pub(super) fn earn(&self) {
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some((left + CALL).min(RESERVE)));
    }

    /// Withdraws a retry; `false` if the budget does not allow one.
    pub(super) fn spend(&self) -> bool {
        let spent = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(RETRY).filter(|left| *left >= 0)
        });
        spent.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_than_a_fifth_of_failing_calls_are_retried() {
        let budget = RetryBudget::default();
        let mut retries = 0;
        for _ in 0..1_000 {
            budget.earn();
            retries += u32::from(budget.spend());
        }
        assert!((150..200).contains(&retries), "{retries}");
    }

    #[test]
    fn the_first_call_may_be_retried() {
        let budget = RetryBudget::default();
        budget.earn();
        assert!(budget.spend());
    }
}
