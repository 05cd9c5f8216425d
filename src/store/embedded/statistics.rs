//! The store's statistics.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The upper bounds of the buckets of [`Statistics::commit_seconds`], in seconds. The last bucket has no upper bound.
pub const COMMIT_SECONDS_BOUNDS: [f64; 12] =
    [0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512];

/// The store's counters since it was opened, and its current state.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// The number of batches written and synced.
    pub commits: u64,
    /// The number of commands in those batches.
    pub committed_commands: u64,
    /// The total time to write and sync the batches, in seconds.
    pub commit_seconds_sum: f64,
    /// A histogram of the time per batch: one non-cumulative count per bound, and one for longer times.
    pub commit_seconds: [u64; COMMIT_SECONDS_BOUNDS.len() + 1],
    /// The number of time buckets.
    pub buckets: usize,
    /// The number of commands that wait for the committer.
    pub queue_depth: usize,
    /// The number of bytes free on the file system, including the reserve; `None` if unknown.
    pub free_space: Option<u64>,
}

/// The counters behind [`Statistics`].
#[derive(Debug, Default)]
pub(super) struct Recorder {
    commits: AtomicU64,
    commands: AtomicU64,
    nanoseconds: AtomicU64,
    histogram: [AtomicU64; COMMIT_SECONDS_BOUNDS.len() + 1],
}

impl Recorder {
    /// Counts a batch. Only the committer calls this, so the counters need no memory ordering.
    pub(super) fn record_commit(&self, commands: usize, took: Duration) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.commands.fetch_add(commands as u64, Ordering::Relaxed);
        self.nanoseconds.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let seconds = took.as_secs_f64();
        let index = COMMIT_SECONDS_BOUNDS.iter().position(|bound| seconds <= *bound);
        self.histogram[index.unwrap_or(COMMIT_SECONDS_BOUNDS.len())].fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the current values, combined with those that are measured elsewhere.
    pub(super) fn read(&self, buckets: usize, queue_depth: usize, free_space: Option<u64>) -> Statistics {
        Statistics {
            commits: self.commits.load(Ordering::Relaxed),
            committed_commands: self.commands.load(Ordering::Relaxed),
            commit_seconds_sum: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)).as_secs_f64(),
            commit_seconds: std::array::from_fn(|index| self.histogram[index].load(Ordering::Relaxed)),
            buckets,
            queue_depth,
            free_space,
        }
    }
}
