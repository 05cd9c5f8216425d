//! `[[temp_pass_schedules]]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HumanDuration, Secret};

/// Resets of a TempPass at set times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TempPassSchedule {
    /// What logs, metrics and the audit log name it by; each has a name of its own.
    pub name: String,
    /// When: a cron expression of five fields (minute, hour, day of the month, month, day of the week), such as
    /// `0 0 * * *` for every midnight.
    pub schedule: String,
    /// The time zone that the expression is meant in, by its IANA name, such as `America/New_York`. A time that daylight
    /// saving skips is made up right after the gap, and one that it repeats happens once.
    pub time_zone: String,
    /// The environment; the default one where left out.
    pub environment: String,
    /// The requestor of the TempPass.
    pub requestor: String,
    /// The TempPass.
    pub mvpd: String,
    /// What to reset.
    pub target: ScheduleTarget,
    /// A run that was missed, because no server ran, is made up once if it is no older than this; one that failed is tried
    /// again for so long, at growing intervals.
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

/// What a schedule resets: exactly one of these.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ScheduleTarget {
    /// The trial of this device.
    pub device_id: Option<String>,
    /// The trial of this user.
    pub generic_key: Option<Secret>,
    /// Every trial of the TempPass. Must be true.
    pub all: Option<bool>,
}
