//! What is known of resets at set times.

use super::clock::Timestamp;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing has run yet since the schedule was first seen.
    NotYet,
    /// It is under way, until this time at most.
    Running(Timestamp),
    /// It is done: how many trials were reset, where that is known.
    Done(Option<u64>),
    /// It failed, in words for the operator, and is tried again.
    Retrying {
        /// Why it failed the last time.
        reason: String,
        /// When it is tried again.
        at: Timestamp,
    },
    /// It failed, in words for the operator, and is too old to be tried again.
    Failed(String),
    /// It was missed, and too old to be made up.
    Missed,
}

/// What is kept of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScheduleState {
    /// Of which schedule: one that was changed begins anew.
    pub fingerprint: String,
    /// The time that is dealt with: everything due until then is.
    pub due: Timestamp,
    /// How often the run of that time has failed.
    pub failures: u32,
    /// What came of it.
    pub outcome: Outcome,
}
