//! Limits log lines that many calls could cause: one per interval, with the number of those left out.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::domain::clock::{Clock, MonotonicInstant, SystemClock};

/// The interval after a line in which further lines of its kind are only counted.
pub(crate) const QUIET: Duration = Duration::from_secs(10);

/// When a line of a kind was last logged, and how many were left out since.
#[derive(Debug, Default)]
pub(crate) struct Sparse {
    last: Option<MonotonicInstant>,
    left_out: u64,
}

impl Sparse {
    /// The number of lines left out since the last one, if a line may be logged now.
    pub(crate) fn permit(&mut self, now: MonotonicInstant) -> Option<u64> {
        if self.last.is_some_and(|last| now.since(last) < QUIET) {
            self.left_out += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.left_out))
    }
}

/// A kind of line that any thread may log, by the system clock.
#[derive(Debug)]
pub(crate) struct SparseLine(Mutex<Sparse>);

impl SparseLine {
    /// A kind of line that has not been logged yet.
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Sparse { last: None, left_out: 0 }))
    }

    /// The number of lines left out since the last one, if a line may be logged now.
    pub(crate) fn permit(&self) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).permit(SystemClock.instant())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_logged_as_one_line_and_then_a_count() {
        let (mut line, start) = (Sparse::default(), MonotonicInstant::from_micros(0));
        assert_eq!(line.permit(start), Some(0));
        assert!((0..1_000).all(|_| line.permit(start).is_none()));
        assert_eq!(line.permit(start + QUIET), Some(1_000));
        assert_eq!(line.permit(start + QUIET * 2), Some(0));
    }
}
