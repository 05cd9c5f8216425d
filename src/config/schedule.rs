//! `[[temp_pass_schedules]]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HumanDuration, Secret};

/// A scheduled reset of a TempPass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TempPassSchedule {
    /// The unique name of the schedule in logs, metrics and the audit log.
    pub name: String,
    /// When the reset runs: a cron expression with five fields (minute, hour, day of the month, month, day of
    /// the week), such as `0 0 * * *` for every midnight.
    pub schedule: String,
    /// The time zone of the expression, by its IANA name, such as `America/New_York`. A time that daylight
    /// saving skips runs right after the gap; a time that it repeats runs once.
    pub time_zone: String,
    /// The environment. If not set: the default environment.
    pub environment: String,
    /// The requestor that the TempPass belongs to.
    pub requestor: String,
    /// The MVPD id of the TempPass.
    pub mvpd: String,
    /// What to reset.
    pub target: ScheduleTarget,
    /// The catch-up window: 0 s to 1 year. A run that was missed because no server was running is caught up
    /// once, if it is not older than this. A failed run is retried for this long, with growing delays.
    pub make_up: HumanDuration,
}

impl Default for TempPassSchedule {
    fn default() -> Self {
        Self {
            name: String::new(),
            schedule: String::new(),
            time_zone: "UTC".to_owned(),
            environment: String::new(),
            requestor: String::new(),
            mvpd: String::new(),
            target: ScheduleTarget::default(),
            make_up: HumanDuration::from_secs(60 * 60),
        }
    }
}

/// What a schedule resets. Exactly one key must be set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ScheduleTarget {
    /// The trial of this device.
    pub device_id: Option<String>,
    /// The trial of this user.
    pub generic_key: Option<Secret>,
    /// All trials of the TempPass. The value must be `true`.
    pub all: Option<bool>,
}
