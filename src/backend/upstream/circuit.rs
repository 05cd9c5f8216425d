//! A circuit breaker: after consecutive failures it rejects calls for a while, then lets one probe call through.
//!
//! The crates for this read the machine's clock, so a test of the recovery would have to wait in real time.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::domain::{
    clock::{MonotonicInstant, SharedClock},
    id::EnvironmentName,
    randomness::{SharedRandomness, spread},
};

/// The number of consecutive failures that open the circuit breaker.
const FAILURES: u32 = 10;

/// The time without calls after the circuit breaker opens. Jitter adds up to half of it, so that replicas do not probe at the
/// same time.
const OPEN_FOR: Duration = Duration::from_secs(5);

/// The state of a circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CircuitState {
    /// Calls go through.
    Closed,
    /// Calls are rejected without reaching the upstream.
    Open,
}

#[derive(Debug)]
enum BreakerState {
    Closed {
        failures: u32,
    },
    /// No call goes through before `until`. Then one probe call does, and `until` moves on for the next probe.
    Open {
        until: MonotonicInstant,
    },
}

/// The circuit breaker of one origin of an upstream.
#[derive(Debug)]
pub(super) struct CircuitBreaker {
    environment: EnvironmentName,
    origin: &'static str,
    clock: SharedClock,
    randomness: SharedRandomness,
    state: Mutex<BreakerState>,
}

impl CircuitBreaker {
    /// Creates a closed circuit breaker. `origin` names the part of the upstream in the log.
    pub(super) fn new(
        environment: EnvironmentName,
        origin: &'static str,
        clock: SharedClock,
        randomness: SharedRandomness,
    ) -> Self {
        let state = Mutex::new(BreakerState::Closed { failures: 0 });
        Self { environment, origin, clock, randomness, state }
    }

    /// Checks whether a call would go through now, without starting a probe.
    ///
    /// # Errors
    /// The minimum time until a call may go through.
    pub(super) fn check(&self) -> Result<(), Duration> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let BreakerState::Open { until } = &*state else { return Ok(()) };
        let now = self.clock.instant();
        if now < *until { Err(until.since(now)) } else { Ok(()) }
    }

    /// Lets a call through. If the circuit breaker is open, the call is the probe.
    ///
    /// # Errors
    /// The minimum time until a call may go through.
    pub(super) fn permit(&self) -> Result<(), Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let BreakerState::Open { until } = &mut *state else { return Ok(()) };
        let now = self.clock.instant();
        if now < *until {
            return Err(until.since(now));
        }
        *until = self.next_probe();
        Ok(())
    }

    fn next_probe(&self) -> MonotonicInstant {
        self.clock.instant() + spread(&*self.randomness, OPEN_FOR)
    }

    /// Records a successful call.
    pub(super) fn record_success(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, BreakerState::Open { .. }) {
            let (environment, origin) = (&self.environment, self.origin);
            tracing::info!(%environment, origin, "circuit breaker closed");
        }
        *state = BreakerState::Closed { failures: 0 };
    }

    /// Records a call that got no response, or a server error.
    pub(super) fn record_failure(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let BreakerState::Closed { failures } = &mut *state {
            *failures += 1;
            if *failures >= FAILURES {
                let (environment, origin) = (&self.environment, self.origin);
                tracing::warn!(%environment, origin, failures = *failures, "circuit breaker opened");
                *state = BreakerState::Open { until: self.next_probe() };
            }
        }
    }

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

    fn breaker(clock: SharedClock, random_byte: u8) -> CircuitBreaker {
        let environment = EnvironmentName::parse("environment", "live").expect("valid");
        CircuitBreaker::new(environment, "api", clock, ScriptedRandomness::new(vec![random_byte]))
    }

    #[test]
    fn it_opens_after_consecutive_failures_and_is_probed_by_one_call_at_a_time() {
        let clock = ManualClock::new(Timestamp::from_millis(0));
        let circuit = breaker(clock.clone(), 0);
        (1..FAILURES).for_each(|_| circuit.record_failure());
        circuit.record_success();
        (1..FAILURES).for_each(|_| circuit.record_failure());
        assert_eq!(circuit.permit(), Ok(()), "a success resets the count");
        circuit.record_failure();
        assert_eq!((circuit.state(), circuit.permit()), (CircuitState::Open, Err(OPEN_FOR)));
        clock.advance(OPEN_FOR);
        assert_eq!(circuit.permit(), Ok(()), "one call probes");
        assert_eq!(circuit.permit(), Err(OPEN_FOR), "other calls wait for the result");
        circuit.record_failure();
        assert_eq!(circuit.permit(), Err(OPEN_FOR));
        clock.advance(OPEN_FOR);
        assert_eq!(circuit.permit(), Ok(()));
        circuit.record_success();
        assert_eq!((circuit.state(), circuit.permit()), (CircuitState::Closed, Ok(())));
    }

    #[test]
    fn replicas_do_not_probe_at_the_same_time() {
        let clock = ManualClock::new(Timestamp::from_millis(0));
        let opened = |byte| {
            let circuit = breaker(clock.clone(), byte);
            (0..FAILURES).for_each(|_| circuit.record_failure());
            circuit
        };
        let (early, late) = (opened(0), opened(255));
        clock.advance(OPEN_FOR);
        assert_eq!((early.permit(), late.permit()), (Ok(()), Err(OPEN_FOR / 2)));
        clock.advance(OPEN_FOR / 2);
        assert_eq!(late.permit(), Ok(()));
        assert_eq!(late.permit(), Err(OPEN_FOR * 3 / 2), "later probes are spread too");
    }
}
