//! Scheduled resets. Any number of schedulers on one store run each scheduled time once: the first to claim it in the
//! ledger. A failed run is retried with backoff and jitter, by the first scheduler to claim the retry.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio_util::sync::CancellationToken;

use super::{AuditOrigin, ResetBy, ResetTempPass, TempPassPlace, TempPassService};
use crate::{
    config::Schedule,
    domain::{
        call::{CallContext, Deadline},
        caller::{Caller, Permission, Scope},
        clock::{SharedClock, Timestamp},
        error::Result,
        id::Place,
        ledger_kind::LedgerKind,
        port::{Ledger, LedgerEntry, LedgerKey},
        randomness::{SharedRandomness, up_to},
        schedule::{ScheduleOutcome, ScheduleState},
        temp_pass::{ResetTarget, TrialApplication},
    },
    format::ScheduleStateV1,
    service::device_info::HashAlgorithm,
};

const KIND: LedgerKind = LedgerKind::TempPassSchedule;

/// The lease duration of a run. After it expires, another scheduler takes the run over.
const LEASE: Duration = Duration::from_secs(60);

/// The timeout of a reset. It is shorter than the lease, so a run ends before another scheduler takes it over.
const RESET_MAX: Duration = Duration::from_secs(45);

/// The maximum time between two checks of the schedules, since a reload may have added some.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A run that starts within this time after it is due does not count as missed.
const PUNCTUAL: Duration = Duration::from_secs(60);

/// The number of schedules processed concurrently, so that runs due together do not wait for each other.
const CONCURRENT_MAX: usize = 16;

/// The delay of the first retry. It doubles with each further failure.
const FIRST_RETRY: Duration = Duration::from_secs(10);

/// The maximum delay of a retry.
const LONGEST_RETRY: Duration = Duration::from_secs(10 * 60);

/// Called after each run, with the schedule's name.
pub(crate) type OnRun = Arc<dyn Fn(&str, &ScheduleOutcome) + Send + Sync>;

/// Runs schedules.
#[derive(Clone)]
pub struct Scheduler {
    service: TempPassService,
    ledger: Arc<dyn Ledger>,
    clock: SharedClock,
    randomness: SharedRandomness,
    on_run: OnRun,
}

/// The status of a schedule, for operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleStatus {
    /// The schedule.
    pub name: String,
    /// When it was last due, and the result; `None` if it has never run.
    pub last: Option<(Timestamp, ScheduleOutcome)>,
    /// When it is next due.
    pub next: Option<Timestamp>,
}

/// Distinguishes a schedule from an earlier one of the same name.
fn fingerprint(schedule: &Schedule) -> String {
    let Place { environment, requestor } = &schedule.place;
    let target = match &schedule.target {
        ResetTarget::Device(device_id) => format!("device {}", device_id.as_str()),
        ResetTarget::Key(generic_key) => format!("key {}", generic_key.as_str()),
        ResetTarget::All => "all".to_owned(),
    };
    let (expression, zone, mvpd) = (&schedule.expression, schedule.time_zone(), &schedule.mvpd);
    let text = format!("{expression}\0{zone}\0{environment}\0{requestor}\0{mvpd}\0{target}");
    HashAlgorithm::Sha256.hex_digest(text.as_bytes())
}

/// The initial state of a schedule.
fn first(schedule: &Schedule, now: Timestamp) -> ScheduleState {
    ScheduleState {
        fingerprint: fingerprint(schedule),
        due: now,
        failures: 0,
        outcome: ScheduleOutcome::NotYet,
    }
}

impl Scheduler {
    /// Runs the schedules of the current policy. Calls `on_run` after each run.
    #[must_use]
    pub fn new(
        service: TempPassService,
        ledger: Arc<dyn Ledger>,
        clock: SharedClock,
        randomness: SharedRandomness,
        on_run: OnRun,
    ) -> Self {
        Self { service, ledger, clock, randomness, on_run }
    }

    /// Runs until stopped. Finishes runs in progress first.
    pub async fn run(self, stop: CancellationToken) {
        let mut wake = self.clock.now();
        let mut waiting = VecDeque::new();
        // The schedules that wait, and those being processed.
        let mut busy = BTreeSet::new();
        let mut checks = FuturesUnordered::new();
        loop {
            // Uses the monotonic clock: a wall clock that is set back would delay the next check.
            let wait = wake.since(self.clock.now()).min(LONGEST_WAIT);
            tokio::select! {
                () = stop.cancelled() => break,
                Some((name, next)) = checks.next(), if !checks.is_empty() => {
                    busy.remove(&name);
                    wake = wake.min(next);
                }
                () = self.clock.sleep(wait) => {
                    wake = self.clock.now() + LONGEST_WAIT;
                    let policy = self.service.policy().load_full();
                    let idle = policy.schedules.iter().filter(|schedule| busy.insert(schedule.name.clone()));
                    waiting.extend(idle.cloned());
                }
            }
            while checks.len() < CONCURRENT_MAX
                && let Some(schedule) = waiting.pop_front()
            {
                checks.push(self.check_or_log(schedule));
            }
        }
        while checks.next().await.is_some() {}
    }

    /// Runs the schedule if it is due. Returns its name and the time of the next check.
    async fn check_or_log(&self, schedule: Schedule) -> (String, Timestamp) {
        let next = self.check(&schedule).await.unwrap_or_else(|error| {
            let error = error.operator_message();
            tracing::error!(schedule = schedule.name, %error, "cannot process a schedule");
            None
        });
        (schedule.name, next.unwrap_or_else(|| self.clock.now() + LONGEST_WAIT))
    }

    /// The status of each schedule.
    ///
    /// # Errors
    /// [`StoreUnavailable`](crate::domain::error::Error::StoreUnavailable).
    pub async fn statuses(&self) -> Result<Vec<ScheduleStatus>> {
        let mut statuses = Vec::new();
        let policy = self.service.policy().load_full();
        for schedule in &policy.schedules {
            let last = match self.state(schedule).await? {
                Some((_, state)) => Some((state.due, state.outcome)),
                None => {
                    // From now on it is known, whichever scheduler saw it first.
                    self.put_first(schedule, self.clock.now()).await?;
                    None
                }
            };
            let last = last.filter(|(_, outcome)| *outcome != ScheduleOutcome::NotYet);
            let next = schedule.due_after(self.clock.now());
            statuses.push(ScheduleStatus { name: schedule.name.clone(), last, next });
        }
        Ok(statuses)
    }

    /// Runs the schedule if it is due. Returns the time of the next check.
    async fn check(&self, schedule: &Schedule) -> Result<Option<Timestamp>> {
        let now = self.clock.now();
        let Some((value, state)) = self.state(schedule).await? else {
            // A new schedule gets no catch-up run for earlier times.
            self.put_first(schedule, now).await?;
            return Ok(schedule.due_after(now));
        };
        if state.fingerprint != fingerprint(schedule) {
            // Neither does a changed one.
            self.swap(schedule, Some(&value), &ScheduleStateV1::encode(&first(schedule, now))?).await?;
            return Ok(schedule.due_after(now));
        }
        let (due, failures) = match (&state.outcome, schedule.due_before(now)) {
            (ScheduleOutcome::Running(until), _) if is_to_come(*until, LEASE * 2, now) => {
                return Ok(Some(*until));
            }
            (ScheduleOutcome::Running(_), _) => (state.due, state.failures),
            // A newer due time replaces a retry.
            (_, Some(due)) if due > state.due => (due, 0),
            (ScheduleOutcome::Retrying { at, .. }, _) if is_to_come(*at, LONGEST_RETRY, now) => {
                return Ok(Some(schedule.due_after(now).map_or(*at, |next| next.min(*at))));
            }
            (ScheduleOutcome::Retrying { .. }, _) => (state.due, state.failures),
            _ => return Ok(schedule.due_after(now)),
        };
        let outcome = match state.outcome {
            _ if now.since(due) <= schedule.make_up.max(PUNCTUAL) => ScheduleOutcome::Running(now + LEASE),
            ScheduleOutcome::Retrying { reason, .. } if due == state.due => ScheduleOutcome::Failed(reason),
            _ => ScheduleOutcome::Missed,
        };
        let claim = ScheduleState { due, failures, outcome, ..first(schedule, now) };
        let claimed = ScheduleStateV1::encode(&claim)?;
        if !self.swap(schedule, Some(&value), &claimed).await? {
            // Another scheduler claimed it first.
            return Ok(Some(now));
        }
        let done = match claim.outcome {
            ScheduleOutcome::Running(_) => self.run_once(schedule, claim).await,
            _ => claim,
        };
        (self.on_run)(&schedule.name, &done.outcome);
        self.swap(schedule, Some(&claimed), &ScheduleStateV1::encode(&done)?).await?;
        let now = self.clock.now();
        Ok(match done.outcome {
            ScheduleOutcome::Retrying { at, .. } => Some(at),
            _ => schedule.due_after(now),
        })
    }

    /// Performs a claimed run, and returns the resulting state.
    async fn run_once(&self, schedule: &Schedule, claim: ScheduleState) -> ScheduleState {
        match self.reset(schedule).await {
            Ok(count) => ScheduleState { outcome: ScheduleOutcome::Done(count), ..claim },
            Err(error) => {
                let (failures, reason) = (claim.failures.saturating_add(1), error.operator_message());
                let at = self.clock.now() + self.jittered(backoff(failures));
                let outcome = if at.since(claim.due) <= schedule.make_up {
                    ScheduleOutcome::Retrying { reason, at }
                } else {
                    ScheduleOutcome::Failed(reason)
                };
                ScheduleState { failures, outcome, ..claim }
            }
        }
    }

    /// A random duration between half of `longest` and `longest`, so that runs that failed together are not retried
    /// together.
    fn jittered(&self, longest: Duration) -> Duration {
        longest / 2 + up_to(&*self.randomness, longest / 2)
    }

    async fn reset(&self, schedule: &Schedule) -> Result<Option<u64>> {
        let permissions = [Permission::TempPassesReset, Permission::TempPassesResetAll];
        let caller = Caller::new(format!("schedule {}", schedule.name), Scope::Any, Scope::Any, permissions);
        let context = CallContext { deadline: Some(Deadline::after(RESET_MAX)), ..CallContext::default() };
        let caller = caller.in_call(context);
        let by = if matches!(schedule.target, ResetTarget::Key(_)) { ResetBy::Key } else { ResetBy::Device };
        let request = ResetTempPass {
            place: TempPassPlace { place: schedule.place.clone(), mvpd: schedule.mvpd.clone() },
            target: schedule.target.clone(),
            application: TrialApplication::default(),
            by,
        };
        let origin = AuditOrigin { face: "schedule", request_id: None };
        self.service.reset(&caller, &origin, request).await
    }

    /// The state as stored and as decoded. An unreadable state is treated as that of a new schedule: it gets no
    /// catch-up run, and no trial is reset twice.
    async fn state(&self, schedule: &Schedule) -> Result<Option<(Vec<u8>, ScheduleState)>> {
        let Some(entry) = self.ledger.get(&key(schedule)).await? else { return Ok(None) };
        let state = ScheduleStateV1::decode(&entry.value).unwrap_or_else(|error| {
            tracing::error!(schedule = schedule.name, %error, "unreadable state of a schedule; treating the schedule as new");
            ScheduleState { fingerprint: String::new(), ..first(schedule, self.clock.now()) }
        });
        Ok(Some((entry.value, state)))
    }

    async fn put_first(&self, schedule: &Schedule, now: Timestamp) -> Result<()> {
        let value = ScheduleStateV1::encode(&first(schedule, now))?;
        self.ledger.put_if_absent(&key(schedule), LedgerEntry { value, expire_time: None }).await?;
        Ok(())
    }

    async fn swap(&self, schedule: &Schedule, expected: Option<&[u8]>, value: &[u8]) -> Result<bool> {
        let entry = LedgerEntry { value: value.to_vec(), expire_time: None };
        Ok(self.ledger.swap(&key(schedule), expected, Some(entry)).await?)
    }
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Scheduler").finish_non_exhaustive()
    }
}

fn key(schedule: &Schedule) -> LedgerKey {
    LedgerKey { kind: KIND, name: schedule.name.clone().into_bytes() }
}

/// Whether `moment`, which was set at most `longest` ahead, is still in the future. A moment further ahead was set
/// before the wall clock was set back; it must not cause such a long wait.
fn is_to_come(moment: Timestamp, longest: Duration, now: Timestamp) -> bool {
    now < moment && moment.since(now) <= longest
}

/// The maximum delay after this number of failures.
fn backoff(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    FIRST_RETRY.saturating_mul(doubled).min(LONGEST_RETRY)
}

#[cfg(test)]
mod tests;
