//! The format of a schedule's state.

use serde::{Deserialize, Serialize};

use super::{FormatError, StoredFormat, decode, encode};
use crate::domain::{
    clock::Timestamp,
    schedule::{ScheduleOutcome, ScheduleState},
};

/// The state of a schedule. Times are in milliseconds since the Unix epoch.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ScheduleStateV1<'a> {
    fingerprint: &'a str,
    due: u64,
    failures: u32,
    #[serde(borrow)]
    outcome: ScheduleOutcomeV1<'a>,
}

impl StoredFormat for ScheduleStateV1<'_> {
    const NAME: &'static str = "schedule_state";
    const VERSION: u8 = 1;
}

#[derive(Debug, Serialize, Deserialize)]
enum ScheduleOutcomeV1<'a> {
    NotYet,
    Running(u64),
    Done(Option<u64>),
    Retrying { reason: &'a str, at: u64 },
    Failed(&'a str),
    Missed,
}

impl ScheduleStateV1<'_> {
    /// # Errors
    /// Only if serialization fails, which cannot happen for a valid state.
    pub(crate) fn encode(state: &ScheduleState) -> Result<Vec<u8>, FormatError> {
        let ScheduleState { fingerprint, due, failures, outcome } = state;
        let outcome = outcome.into();
        encode(&ScheduleStateV1 { fingerprint, due: due.as_millis(), failures: *failures, outcome })
    }

    /// # Errors
    /// If the bytes are not a valid state.
    pub(crate) fn decode(bytes: &[u8]) -> Result<ScheduleState, FormatError> {
        let ScheduleStateV1 { fingerprint, due, failures, outcome } = decode(bytes)?;
        Ok(ScheduleState {
            fingerprint: fingerprint.to_owned(),
            due: Timestamp::from_millis(due),
            failures,
            outcome: outcome.into(),
        })
    }
}

impl<'a> From<&'a ScheduleOutcome> for ScheduleOutcomeV1<'a> {
    fn from(outcome: &'a ScheduleOutcome) -> Self {
        match outcome {
            ScheduleOutcome::NotYet => Self::NotYet,
            ScheduleOutcome::Running(until) => Self::Running(until.as_millis()),
            ScheduleOutcome::Done(count) => Self::Done(*count),
            ScheduleOutcome::Retrying { reason, at } => Self::Retrying { reason, at: at.as_millis() },
            ScheduleOutcome::Failed(reason) => Self::Failed(reason),
            ScheduleOutcome::Missed => Self::Missed,
        }
    }
}

impl From<ScheduleOutcomeV1<'_>> for ScheduleOutcome {
    fn from(outcome: ScheduleOutcomeV1<'_>) -> Self {
        match outcome {
            ScheduleOutcomeV1::NotYet => Self::NotYet,
            ScheduleOutcomeV1::Running(until) => Self::Running(Timestamp::from_millis(until)),
            ScheduleOutcomeV1::Done(count) => Self::Done(count),
            ScheduleOutcomeV1::Retrying { reason, at } => {
                Self::Retrying { reason: reason.to_owned(), at: Timestamp::from_millis(at) }
            }
            ScheduleOutcomeV1::Failed(reason) => Self::Failed(reason.to_owned()),
            ScheduleOutcomeV1::Missed => Self::Missed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::golden;

    #[test]
    fn the_format_of_a_schedules_state_is_pinned_with_each_outcome() {
        let time = Timestamp::from_millis(1_763_000_000_123);
        for (name, outcome) in [
            ("not_yet", ScheduleOutcome::NotYet),
            ("running", ScheduleOutcome::Running(time)),
            ("done", ScheduleOutcome::Done(Some(7))),
            ("retrying", ScheduleOutcome::Retrying { reason: "no answer".to_owned(), at: time }),
            ("failed", ScheduleOutcome::Failed("no answer".to_owned())),
            ("missed", ScheduleOutcome::Missed),
        ] {
            let state = ScheduleState { fingerprint: "0123".to_owned(), due: time, failures: 3, outcome };
            let encoded = ScheduleStateV1::encode(&state).expect("encodes");
            let name = format!("{}_{name}", ScheduleStateV1::NAME);
            golden::check(&name, ScheduleStateV1::VERSION, &encoded, ScheduleStateV1::decode, &state);
        }
    }
}
