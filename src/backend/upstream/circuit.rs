//! A circuit breaker: who fails again and again is spared for a while, and then tried by one call.
//!
//! Crates for this read the machine's clock themselves, so that a test of the recovery would have to wait for it.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::domain::{
    clock::{MonotonicInstant, SharedClock},
    randomness::{SharedRandomness, spread},
};

/// So many failures in a row open the circuit.
const FAILURES: u32 = 10;

/// How long nobody calls after it opened; up to half as long again, so that replicas do not come back together.
const SPARED: Duration = Duration::from_secs(5);

/// Whether calls go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CircuitState {
    /// They do.
    Closed,
    /// They are refused here.
    Open,
}

#[derive(Debug)]
enum BreakerState {
    Closed {
        failures: u32,
    },
    /// Until then nobody calls; after that one call tries, and the next one about that long later.
    Open {
        until: MonotonicInstant,
    },
}

/// The circuit of one upstream.
#[derive(Debug)]
pub(super) struct CircuitBreaker {
    clock: SharedClock,
    randomness: SharedRandomness,
    state: Mutex<BreakerState>,
}

impl CircuitBreaker {
    pub(super) fn new(clock: SharedClock, randomness: SharedRandomness) -> Self {
        Self { clock, randomness, state: Mutex::new(BreakerState::Closed { failures: 0 }) }
    }

    /// Whether a call would be let through.
    ///
    /// # Errors
    /// How long it would be refused at least.
    pub(super) fn look(&self) -> Result<(), Duration> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let BreakerState::Open { until } = &*state else { return Ok(()) };
        let now = self.clock.instant();
        if now < *until { Err(until.since(now)) } else { Ok(()) }
    }

    /// Lets a call through.
    ///
    /// # Errors
    /// How long it is refused at least.
    pub(super) fn permit(&self) -> Result<(), Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let BreakerState::Open { until } = &mut *state else { return Ok(()) };
        let now = self.clock.instant();
        if now < *until {
            return Err(until.since(now));
        }
        *until = self.spared_until();
        Ok(())
    }

    fn spared_until(&self) -> MonotonicInstant {
        self.clock.instant() + spread(&*self.randomness, SPARED)
    }

    /// Notes that a call was answered.
    pub(super) fn succeeded(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, BreakerState::Open { .. }) {
            tracing::info!("the upstream works again");
        }
        *state = BreakerState::Closed { failures: 0 };
    }

    /// Notes that a call was not answered, or by a breakdown.
    pub(super) fn failed(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let BreakerState::Closed { failures } = &mut *state {
            *failures += 1;
            if *failures >= FAILURES {
                tracing::warn!("the upstream fails again and again, and is spared for a while");
                *state = BreakerState::Open { until: self.spared_until() };
            }
        }
    }

    /// Whether calls go through.
    pub(super) fn state(&self) -> CircuitState {
        match *self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            BreakerState::Closed { .. } => CircuitState::Closed,
            BreakerState::Open { .. } => CircuitState::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        clock::{ManualClock, Timestamp},
        randomness::ScriptedRandomness,
    };

    #[test]
    fn it_opens_after_failures_in_a_row_and_is_tried_by_one_call_at_a_time() {
        let clock = ManualClock::new(Timestamp::from_millis(0));
        let circuit = CircuitBreaker::new(clock.clone(), ScriptedRandomness::new(vec![0]));
        (1..FAILURES).for_each(|_| circuit.failed());
        circuit.succeeded();
        (1..FAILURES).for_each(|_| circuit.failed());
        assert_eq!(circuit.permit(), Ok(()), "not yet so many in a row");
        circuit.failed();
        assert_eq!((circuit.state(), circuit.permit()), (CircuitState::Open, Err(SPARED)));
        clock.advance(SPARED);
        assert_eq!(circuit.permit(), Ok(()), "one tries");
        assert_eq!(circuit.permit(), Err(SPARED), "the others wait for how that ends");
        circuit.failed();
        assert_eq!(circuit.permit(), Err(SPARED));
        clock.advance(SPARED);
        assert_eq!(circuit.permit(), Ok(()));
        circuit.succeeded();
        assert_eq!((circuit.state(), circuit.permit()), (CircuitState::Closed, Ok(())));
    }

    #[test]
    fn replicas_whose_circuits_opened_together_do_not_come_back_together() {
        let clock = ManualClock::new(Timestamp::from_millis(0));
        let opened = |byte| {
            let circuit = CircuitBreaker::new(clock.clone(), ScriptedRandomness::new(vec![byte]));
            (0..FAILURES).for_each(|_| circuit.failed());
            circuit
        };
        let (early, late) = (opened(0), opened(255));
        clock.advance(SPARED);
        assert_eq!((early.permit(), late.permit()), (Ok(()), Err(SPARED / 2)));
        clock.advance(SPARED / 2);
        assert_eq!(late.permit(), Ok(()));
        assert_eq!(late.permit(), Err(SPARED * 3 / 2), "nor do those who try after them");
    }
}
