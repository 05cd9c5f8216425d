//! What came of calls.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::{Failure, Result};

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server answered, but not with success.
    #[error("{0}")]
    Status(String),
    /// The connection broke; another call over it would too.
    #[error("the connection: {0}")]
    Connection(Failure),
}

/// Latencies, and how many calls succeeded.
#[derive(Debug)]
pub struct Tally {
    /// From before the request to after its status, in microseconds, of those that count.
    pub latency: Histogram<u64>,
    /// How many were answered OK, with those before it counted.
    pub answered: u64,
    /// How many were not.
    pub failed: u64,
    /// Why the first of them was not.
    pub first_failure: Option<String>,
}

impl Default for Tally {
    fn default() -> Self {
        // A microsecond to a minute, true to a thousandth.
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

    /// Adds another's calls.
    pub fn add(&mut self, other: Self) -> Result<()> {
        self.latency.add(&other.latency)?;
        self.answered += other.answered;
        self.failed += other.failed;
        if self.first_failure.is_none() {
            self.first_failure = other.first_failure;
        }
        Ok(())
    }

    /// Calls that failed make the figures worthless, so nothing goes on from there.
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
