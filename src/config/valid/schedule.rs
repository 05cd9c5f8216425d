//! Scheduled resets, checked.

use std::{collections::BTreeSet, str::FromStr};

use croner::Cron;
use jiff::{Timestamp as Moment, tz::TimeZone};

use super::Environments;
use crate::{
    config::{ScheduleTarget, TempPassSchedule},
    domain::{
        clock::Timestamp,
        error::{Violation, Violations},
        id::{DeviceId, MvpdId, Place},
        temp_pass::{GenericKey, ResetTarget, is_all},
    },
};

/// The maximum length of a name, in bytes.
const NAME_MAX: usize = 128;

/// A scheduled reset of a TempPass.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// The cron expression, as written.
    pub expression: String,
    /// One for each time of day. Only for a single time of day is it certain that daylight saving neither
    /// skips nor repeats it.
    crons: Vec<Cron>,
    zone: TimeZone,
    /// The environment and requestor.
    pub place: Place,
    /// The TempPass.
    pub mvpd: MvpdId,
    /// What to reset.
    pub target: ResetTarget,
    /// How old a missed run can be to be caught up.
    pub make_up: std::time::Duration,
}

impl Schedule {
    /// The last due time at or before `now`.
    #[must_use]
    pub fn due_before(&self, now: Timestamp) -> Option<Timestamp> {
        let now = self.zoned(now)?;
        let times = self.crons.iter().filter_map(|cron| cron.find_previous_occurrence(&now, true).ok());
        times.filter_map(|time| timestamp(&time)).max()
    }

    /// The next due time after `now`.
    #[must_use]
    pub fn due_after(&self, now: Timestamp) -> Option<Timestamp> {
        let now = self.zoned(now)?;
        let times = self.crons.iter().filter_map(|cron| cron.find_next_occurrence(&now, false).ok());
        times.filter_map(|time| timestamp(&time)).min()
    }

    /// The name of its time zone.
    #[must_use]
    pub fn time_zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    fn zoned(&self, time: Timestamp) -> Option<jiff::Zoned> {
        let millis = i64::try_from(time.as_millis()).ok()?;
        Some(Moment::from_millisecond(millis).ok()?.to_zoned(self.zone.clone()))
    }

    fn new(
        path: &str,
        config: &TempPassSchedule,
        environments: &Environments,
    ) -> Result<Self, Vec<Violation>> {
        let mut violations = Violations::default();
        let key = |name: &str| format!("{path}.{name}");
        let TempPassSchedule { name, schedule, time_zone, environment, requestor, mvpd, target, make_up } =
            config;
        if name.is_empty() {
            violations.add(&key("name"), "is required: the name of the schedule in logs");
        }
        violations.check_text(&key("name"), name, NAME_MAX);
        let crons = violations.take(
            crons(schedule)
                .map_err(|text| Violation::new(key("schedule"), format!("{text}, but is {schedule:?}"))),
        );
        let zone = violations.take(TimeZone::get(time_zone).map_err(|_| {
            let text = format!(
                "must be the IANA name of a time zone, such as America/New_York, but is {time_zone:?}"
            );
            Violation::new(key("time_zone"), text)
        }));
        let place = environments.place((&key("environment"), environment), (&key("requestor"), requestor));
        let place = violations.take_all(place);
        let mvpd = violations.take(MvpdId::parse(&key("mvpd"), mvpd));
        if let (Some(place), Some(mvpd)) = (&place, &mvpd) {
            let text = "must be a TempPass of this requestor and environment";
            let promotional = environments.temp_pass(place, mvpd).map(|rule| rule.is_promotional());
            match promotional {
                None => violations.add(&key("mvpd"), text),
                Some(false) if target.generic_key.is_some() => {
                    violations.add(
                        &key("target.generic_key"),
                        "must not be set for a basic TempPass, which has no generic keys",
                    );
                }
                Some(_) => {}
            }
        }
        let target = violations.take(reset_target(&key("target"), target));
        match (crons, zone, place, mvpd, target) {
            (Some(crons), Some(zone), Some(place), Some(mvpd), Some(target)) if violations.is_empty() => {
                Ok(Self {
                    name: name.clone(),
                    expression: schedule.clone(),
                    crons,
                    zone,
                    place,
                    mvpd,
                    target,
                    make_up: make_up.0,
                })
            }
            _ => Err(violations.none_or(()).err().unwrap_or_default()),
        }
    }
}

/// The schedules of a configuration. Their places must exist in `environments`.
pub(super) fn schedules(
    config: &[TempPassSchedule],
    environments: &Environments,
) -> Result<Vec<Schedule>, Vec<Violation>> {
    let mut violations = Violations::default();
    let mut names = BTreeSet::new();
    let mut schedules = Vec::new();
    for (index, schedule) in config.iter().enumerate() {
        let path = format!("temp_pass_schedules[{index}]");
        if !names.insert(&schedule.name) {
            violations.add(
                &format!("{path}.name"),
                format!("must be unique, but {:?} occurs twice", schedule.name),
            );
        }
        schedules.extend(violations.take_all(Schedule::new(&path, schedule, environments)));
    }
    violations.none_or(schedules)
}

/// The maximum number of times of day that an expression is split into. An expression with more is an
/// interval, not a set of times of day.
const TIMES_MAX: usize = 96;

/// Parses an expression into one cron for each time of day, or into a single cron if it runs every hour.
/// Daylight saving skips and repeats hours, which is right for a run every hour and wrong for a run at
/// midnight.
fn crons(expression: &str) -> Result<Vec<Cron>, String> {
    let fields: Vec<_> = expression.split_whitespace().collect();
    let [minute, hour, days @ ..] = &fields[..] else {
        return Err("must be a cron expression with five fields".to_owned());
    };
    if days.len() != 3 {
        return Err("must be a cron expression with five fields".to_owned());
    }
    let parse =
        |text: &str| Cron::from_str(text).map_err(|error| format!("must be a cron expression ({error})"));
    let whole = parse(expression)?;
    let somewhere = Moment::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    if whole.find_next_occurrence(&somewhere, false).is_err() {
        return Err("must match at least one time".to_owned());
    }
    match (values(minute, 60), values(hour, 24)) {
        (Some(minutes), Some(hours)) if *hour != "*" && minutes.len() * hours.len() <= TIMES_MAX => {
            let times = hours.iter().flat_map(|hour| minutes.iter().map(move |minute| (minute, hour)));
            times.map(|(minute, hour)| parse(&format!("{minute} {hour} {}", days.join(" ")))).collect()
        }
        _ => Ok(vec![whole]),
    }
}

/// The values of a field: numbers, ranges, steps and lists of these. `None` if it contains anything else.
fn values(field: &str, end: u32) -> Option<Vec<u32>> {
    let mut values = BTreeSet::new();
    for part in field.split(',') {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let step_by = step.map_or(Some(1), |step| step.parse().ok().filter(|step| *step > 0))?;
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (0, end - 1),
            Some((first, last)) => (first.parse().ok()?, last.parse().ok()?),
            None => {
                let first = range.parse().ok()?;
                (first, if step.is_some() { end - 1 } else { first })
            }
        };
        values.extend((first..=last.min(end - 1)).step_by(step_by));
    }
    Some(values.into_iter().collect())
}

fn reset_target(path: &str, target: &ScheduleTarget) -> Result<ResetTarget, Violation> {
    match (&target.device_id, &target.generic_key, target.all) {
        (Some(text), None, None) if is_all(text) => Err(Violation::new(
            format!("{path}.device_id"),
            "must be the id of a device, but is \"all\"; set all = true to reset every trial",
        )),
        (Some(text), None, None) => {
            DeviceId::parse(&format!("{path}.device_id"), text).map(ResetTarget::Device)
        }
        (None, Some(text), None) => {
            GenericKey::parse(&format!("{path}.generic_key"), text.reveal()).map(ResetTarget::Key)
        }
        (None, None, Some(true)) => Ok(ResetTarget::All),
        _ => Err(Violation::new(path, "must have exactly one of device_id, generic_key and all = true")),
    }
}

fn timestamp(time: &jiff::Zoned) -> Option<Timestamp> {
    u64::try_from(time.timestamp().as_millisecond()).ok().map(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Files, ValidConfig};

    fn valid(text: &str) -> Result<ValidConfig, Vec<Violation>> {
        let config = toml::from_str::<Config>(text).expect("deserializes");
        let files = Files::read(&config);
        ValidConfig::new(config, &files)
    }

    fn midnight(zone: &str) -> Schedule {
        schedule("0 0 * * *", zone)
    }

    fn schedule(expression: &str, zone: &str) -> Schedule {
        let text = format!(
            "[[temp_pass_schedules]]\nname = \"midnight\"\nschedule = \"{expression}\"\ntime_zone = \"{zone}\"\n\
             requestor = \"REF\"\nmvpd = \"TempPass\"\ntarget = {{ all = true }}\n"
        );
        let config = valid(&text).expect("valid");
        config.schedules[0].clone()
    }

    fn time(text: &str) -> Timestamp {
        timestamp(&text.parse::<jiff::Zoned>().expect("a time")).expect("after 1970")
    }

    /// All due times between two times.
    fn due(schedule: &Schedule, from: &str, to: &str) -> Vec<String> {
        let (mut now, end, mut all) = (time(from), time(to), Vec::new());
        while let Some(next) = schedule.due_after(now).filter(|next| *next <= end) {
            all.push(schedule.zoned(next).expect("a time").to_string());
            assert_eq!(schedule.due_before(next), Some(next));
            now = next;
        }
        all
    }

    #[test]
    fn a_midnight_that_daylight_saving_skips_is_due_right_after_the_gap() {
        // On 2026-03-29 Beirut goes from 00:00 to 01:00.
        let due =
            due(&midnight("Asia/Beirut"), "2026-03-28T12:00[Asia/Beirut]", "2026-03-30T12:00[Asia/Beirut]");
        assert_eq!(due, ["2026-03-29T01:00:00+03:00[Asia/Beirut]", "2026-03-30T00:00:00+03:00[Asia/Beirut]"]);
    }

    #[test]
    fn a_midnight_that_daylight_saving_repeats_is_due_once() {
        // On 2026-11-01 Havana goes from 01:00 back to 00:00.
        let schedule = midnight("America/Havana");
        let due = due(&schedule, "2026-10-31T12:00[America/Havana]", "2026-11-02T12:00[America/Havana]");
        assert_eq!(
            due,
            ["2026-11-01T00:00:00-04:00[America/Havana]", "2026-11-02T00:00:00-05:00[America/Havana]"]
        );
        let second_pass = time("2026-11-01T00:30:00-05:00[America/Havana]");
        assert_eq!(schedule.due_before(second_pass), Some(time("2026-11-01T00:00:00-04:00[America/Havana]")));
    }

    #[test]
    fn several_times_of_day_each_survive_daylight_saving() {
        let gap = |expression| {
            let schedule = schedule(expression, "Asia/Beirut");
            due(&schedule, "2026-03-28T23:59[Asia/Beirut]", "2026-03-29T13:00[Asia/Beirut]").len()
        };
        // 01:00 instead of the midnight that is skipped, and noon.
        assert_eq!((gap("0 0,12 * * *"), gap("0 */12 * * *"), gap("*/15 0 * * *")), (2, 2, 1));
        let overlap = |expression| {
            let schedule = schedule(expression, "America/Havana");
            due(&schedule, "2026-10-31T23:59[America/Havana]", "2026-11-01T13:00[America/Havana]").len()
        };
        assert_eq!((overlap("0 0,12 * * *"), overlap("0,30 0 * * *"), overlap("0 0-1 * * *")), (2, 2, 2));
        assert_eq!(overlap("0 * * * *"), 15, "an hourly schedule runs in both passes");
    }

    #[test]
    fn only_five_field_expressions_that_can_match_are_accepted() {
        for wrong in ["* * * * * *", "@daily", "0 0 30 2 *", "", "0 24 * * *"] {
            assert!(crons(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn all_violations_of_a_schedule_are_reported_together() {
        let text = "[[temp_pass_schedules]]\nschedule = \"61 0 * * *\"\ntime_zone = \"Mars\"\nrequestor = \"a b\"\n\
                    mvpd = \"\"\ntarget = { all = false }\n";
        let violations = valid(text).expect_err("refused");
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        let expected = ["name", "schedule", "time_zone", "requestor", "mvpd", "target"];
        assert_eq!(fields, expected.map(|key| format!("temp_pass_schedules[0].{key}")));
    }
}
