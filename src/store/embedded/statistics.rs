//! What the store tells about its own work.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The upper bounds of [`Statistics::commit_seconds`]' buckets, in seconds; the last bucket has none.
pub const COMMIT_SECONDS_BOUNDS: [f64; 12] =
    [0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512];

/// The store's work since it was opened, and its state now.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// Batches that were written and synced.
    pub commits: u64,
    /// Commands that were answered by those batches.
    pub committed_commands: u64,
    /// The time that the batches took to write and sync, in seconds.
    pub commit_seconds_sum: f64,
    /// How many batches took how long: one number for each bound, not cumulative, and one for the rest.
    pub commit_seconds: [u64; COMMIT_SECONDS_BOUNDS.len() + 1],
    /// Time buckets that hold records.
    pub buckets: usize,
    /// Commands that wait for the committer.
    pub queue_depth: usize,
    /// Bytes that are free for the store, beyond the reserve or not; `None` where that is not known.
    pub free_space: Option<u64>,
}

/// Counts what [`Statistics`] tells.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    commits: AtomicU64,
    commands: AtomicU64,
    nanoseconds: AtomicU64,
    histogram: [AtomicU64; COMMIT_SECONDS_BOUNDS.len() + 1],
}

impl Recorder {
    /// Counts a batch. The committer alone calls this, so that no order between the counters is needed.
    pub(super) fn record_commit(&self, commands: usize, took: Duration) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.commands.fetch_add(commands as u64, Ordering::Relaxed);
        self.nanoseconds.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let seconds = took.as_secs_f64();
        let index = COMMIT_SECONDS_BOUNDS.iter().position(|bound| seconds <= *bound);
        self.histogram[index.unwrap_or(COMMIT_SECONDS_BOUNDS.len())].fetch_add(1, Ordering::Relaxed);
    }

    /// The numbers now, with those that are not counted here.
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
