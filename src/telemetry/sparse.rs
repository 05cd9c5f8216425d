//! Lines of the log that many calls could cause: one now and then, with the number of those that were left out.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::domain::clock::{Clock, MonotonicInstant, SystemClock};

/// How long after a line the next ones of its kind are only counted.
pub(crate) const QUIET: Duration = Duration::from_secs(10);

/// When a kind of line was last in the log, and how many were left out since.
#[derive(Debug, Default)]
pub(crate) struct Sparse {
    last: Option<MonotonicInstant>,
    left_out: u64,
}

impl Sparse {
    /// How many were left out since the last one, where there may be one again.
    pub(crate) fn permit(&mut self, now: MonotonicInstant) -> Option<u64> {
        if self.last.is_some_and(|last| now.since(last) < QUIET) {
            self.left_out += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.left_out))
    }
}

/// A kind of line that any thread may cause, by the machine's time.
#[derive(Debug)]
pub(crate) struct SparseLine(Mutex<Sparse>);

impl SparseLine {
    /// A kind of line of which there was none yet.
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Sparse { last: None, left_out: 0 }))
    }

    /// How many were left out since the last one, where there may be one again.
    pub(crate) fn permit(&self) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).permit(SystemClock.instant())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line_and_then_a_number() {
        let (mut line, start) = (Sparse::default(), MonotonicInstant::from_micros(0));
        assert_eq!(line.permit(start), Some(0));
        assert!((0..1_000).all(|_| line.permit(start).is_none()));
        assert_eq!(line.permit(start + QUIET), Some(1_000));
        assert_eq!(line.permit(start + QUIET * 2), Some(0));
    }
}
