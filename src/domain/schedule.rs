//! The state of scheduled resets.

use super::clock::Timestamp;

/// The outcome of the latest run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScheduleOutcome {
    /// The schedule has not run yet.
    NotYet,
    /// The run is in progress, at most until this time.
    Running(Timestamp),
    /// The run completed, with the number of reset trials, if known.
    Done(Option<u64>),
    /// The run failed and will be retried.
    Retrying {
        /// The reason of the last failure, for the operator.
        reason: String,
        /// When the run is retried.
        at: Timestamp,
    },
    /// The run failed with this reason, for the operator, and is too old to be retried.
    Failed(String),
    /// The run was missed and is too old to catch up.
    Missed,
}

/// The stored state of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScheduleState {
    /// The fingerprint of the schedule. A changed schedule starts with a new state.
    pub fingerprint: String,
    /// The due time of the latest run. All earlier runs are handled.
    pub due: Timestamp,
    /// The number of failures of that run.
    pub failures: u32,
    /// The outcome of that run.
    pub outcome: ScheduleOutcome,
}
