//! Lists the schedules. Changes nothing, and leaves no audit entry.

use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::OperatorService;
use crate::{
    domain::{clock::Timestamp, error::Result},
    service::temp_pass::{ScheduleOutcome, ScheduleStatus},
};

/// A schedule as shown on the command line. Times are in milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleLine {
    /// The name.
    pub name: String,
    /// When it was last due.
    pub last: Option<u64>,
    /// The result of that run.
    pub result: String,
    /// When it is next due.
    pub next: Option<u64>,
}

impl OperatorService {
    pub(super) async fn schedules(&self) -> Result<Vec<ScheduleLine>> {
        Ok(self.scheduler.statuses().await?.into_iter().map(schedule_line).collect())
    }
}

fn schedule_line(status: ScheduleStatus) -> ScheduleLine {
    let (last, outcome) = status.last.unzip();
    ScheduleLine {
        name: status.name,
        last: last.map(Timestamp::as_millis),
        result: match outcome {
            Some(ScheduleOutcome::Retrying { reason, at }) => {
                let at = UNIX_EPOCH + Duration::from_millis(at.as_millis());
                format!("failed, retry at {}: {reason}", humantime::format_rfc3339_seconds(at))
            }
            None | Some(ScheduleOutcome::NotYet) => "not run yet".to_owned(),
            Some(ScheduleOutcome::Running(_)) => "running".to_owned(),
            Some(ScheduleOutcome::Done(None)) => "done".to_owned(),
            Some(ScheduleOutcome::Done(Some(count))) => format!("done, {count} reset"),
            Some(ScheduleOutcome::Failed(reason)) => format!("failed: {reason}"),
            Some(ScheduleOutcome::Missed) => "missed; too old for a catch-up run".to_owned(),
        },
        next: status.next.map(Timestamp::as_millis),
    }
}
