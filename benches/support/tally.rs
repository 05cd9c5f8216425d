//! The results of calls.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::{Failure, Result};

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server responded with an error.
    #[error("{0}")]
    Status(String),
    /// The connection failed, so further calls over it would also fail.
    #[error("connection failed: {0}")]
    Connection(Failure),
}

/// Latencies and counts of calls.
#[derive(Debug)]
pub struct Tally {
    /// The latencies from the request to the status, in microseconds, of calls that count.
    pub latency: Histogram<u64>,
    /// The number of successful calls, including the warm-up.
    pub answered: u64,
    /// The number of failed calls.
    pub failed: u64,
    /// The error of the first failed call.
    pub first_failure: Option<String>,
}

impl Default for Tally {
    fn default() -> Self {
        // 1 µs to 1 minute, with a precision of 0.1 %.
        let latency = Histogram::new_with_bounds(1, 60_000_000, 3).expect("these bounds are valid");
        Self { latency, answered: 0, failed: 0, first_failure: None }
    }
}

impl Tally {
    /// Counts a call that took this long.
    pub fn answer(&mut self, latency: Duration, counts: bool) {
        self.answered += 1;
        if counts {
            self.latency.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        }
    }

    /// Counts a call that failed.
    pub fn fail(&mut self, error: &CallError) {
        self.failed += 1;
        self.first_failure.get_or_insert_with(|| error.to_string());
    }

    /// Adds the calls of another tally.
    pub fn add(&mut self, other: Self) -> Result<()> {
        self.latency.add(&other.latency)?;
        self.answered += other.answered;
        self.failed += other.failed;
        if self.first_failure.is_none() {
            self.first_failure = other.first_failure;
        }
        Ok(())
    }

    /// Returns an error if calls failed, because the figures are then meaningless.
    pub fn complete(self) -> Result<Self> {
        match &self.first_failure {
            None => Ok(self),
            Some(first) => Err(format!(
                "{} of {} calls FAILED; the first: {first}",
                self.failed,
                self.failed + self.answered
            )
            .into()),
        }
    }
}
