use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use aws_lc_rs::hmac;
use futures_util::stream::BoxStream;
use test_engine::{FakedTime, Server, ServerOptions};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::*;
use crate::{
    backend::{LocalBackend, LocalDependencies},
    config::{Config, ValidConfig},
    domain::{
        clock::{Clock, ManualClock},
        device_info::Normalizer,
        error::StoreError,
        limit::LimitedResource,
        port::{Authorization, Store, StoreResult, TrialVerdict, Trials},
        randomness::OsRandomness,
        temp_pass::{TempPassKey, TempPassRule, Trial, TrialIdentity, TrialView},
    },
    service::{
        audit::AuditLog,
        backends::Backends,
        policy::{Policy, PresentPolicy},
        quota::Quota,
        temp_pass::TempPassDependencies,
    },
    store::{
        embedded::{EmbeddedOptions, EmbeddedStore},
        redis::{Node, RedisOptions, RedisStore},
    },
    telemetry::CapturedLog,
};

const CONFIG: &str = r#"
    [[temp_pass_schedules]]
    name = "midnight"
    schedule = "0 0 * * *"
    requestor = "REF"
    mvpd = "TempPass"
    target = { all = true }
    make_up = "2h"
"#;

const HOUR: Duration = Duration::from_secs(3600);

/// Noon of a day, in UTC.
const NOON: u64 = 1_763_726_400_000;

struct SchedulerFixture {
    clock: Arc<ManualClock>,
    store: Store,
    disturbance: Arc<FaultyTrials>,
    runs: Arc<Mutex<Vec<(String, ScheduleOutcome)>>>,
    _folder: Option<tempfile::TempDir>,
}

impl SchedulerFixture {
    fn new() -> Self {
        let clock = ManualClock::new(Timestamp::from_millis(NOON));
        let folder = tempfile::tempdir().expect("a folder");
        let mut options = EmbeddedOptions::new(folder.path(), clock.clone());
        options.free_space_reserve = 0;
        let store = EmbeddedStore::open(options).expect("opens").ports();
        Self { _folder: Some(folder), ..Self::over(&clock, store) }
    }

    fn over(clock: &Arc<ManualClock>, store: Store) -> Self {
        let disturbance = Arc::new(FaultyTrials::of(&store));
        let store = Store { trials: disturbance.clone(), ..store };
        Self { clock: Arc::clone(clock), store, disturbance, runs: Arc::default(), _folder: None }
    }

    fn scheduler(&self) -> Scheduler {
        self.scheduler_of(CONFIG)
    }

    fn scheduler_of(&self, config: &str) -> Scheduler {
        let config: Config = toml::from_str(config).expect("deserializes");
        let policy = Policy::new(&ValidConfig::read(config).expect("valid"));
        let clock: SharedClock = self.clock.clone();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[0; 32]);
        let local = LocalBackend::over(LocalDependencies {
            store: self.store.clone(),
            code_format: policy.code_format.clone(),
            max_live_codes: policy.max_live_codes,
            clock: clock.clone(),
            randomness: Arc::new(OsRandomness),
            normalizer: Arc::new(Normalizer::new()),
        });
        let service = TempPassService::new(TempPassDependencies {
            backends: Backends::new(local),
            policy: Arc::new(PresentPolicy::new(policy)),
            audit: AuditLog::new(clock.clone(), key, self.store.limits.clone(), None),
            batches: Quota::new(LimitedResource::Batches, 1, 100),
            tasks: TaskTracker::new(),
        });
        let runs = Arc::clone(&self.runs);
        let on_run = move |name: &str, outcome: &ScheduleOutcome| {
            runs.lock().expect("not poisoned").push((name.to_owned(), outcome.clone()));
        };
        let randomness = Arc::new(OsRandomness);
        Scheduler::new(service, self.store.ledger.clone(), clock, randomness, Arc::new(on_run))
    }

    /// The runs since the last call.
    fn runs(&self) -> Vec<ScheduleOutcome> {
        let runs = std::mem::take(&mut *self.runs.lock().expect("not poisoned"));
        runs.into_iter().map(|(_, outcome)| outcome).collect()
    }
}

/// Trials whose resets fail or hang on request.
struct FaultyTrials {
    trials: Arc<dyn Trials>,
    fails: AtomicBool,
    /// Resets of this requestor never finish.
    hangs_for: &'static str,
}

impl FaultyTrials {
    fn of(store: &Store) -> Self {
        Self { trials: store.trials.clone(), fails: AtomicBool::new(false), hangs_for: "SLOW" }
    }
}

#[async_trait]
impl Trials for FaultyTrials {
    async fn authorize(&self, authorization: Authorization) -> StoreResult<TrialVerdict> {
        self.trials.authorize(authorization).await
    }

    async fn get(
        &self,
        temp_pass: &TempPassKey,
        rule: &TempPassRule,
        identity: &TrialIdentity,
    ) -> StoreResult<TrialView> {
        self.trials.get(temp_pass, rule, identity).await
    }

    async fn reset(
        &self,
        temp_pass: &TempPassKey,
        target: &ResetTarget,
        application: &TrialApplication,
    ) -> StoreResult<Option<u64>> {
        if format!("{temp_pass:?}").contains(self.hangs_for) {
            std::future::pending::<()>().await;
        }
        if self.fails.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("a test says so".to_owned()));
        }
        self.trials.reset(temp_pass, target, application).await
    }

    fn scan(&self) -> BoxStream<'static, StoreResult<(TempPassKey, Uuid, Trial)>> {
        self.trials.scan()
    }
}

async fn check(scheduler: &Scheduler) -> Option<Timestamp> {
    let policy = scheduler.service.policy().load_full();
    scheduler.check(&policy.schedules[0]).await.expect("the store works")
}

#[tokio::test]
async fn two_schedulers_on_one_store_run_each_time_once() {
    let bench = SchedulerFixture::new();
    let (one, other) = (bench.scheduler(), bench.scheduler());
    for scheduler in [&one, &other] {
        assert_eq!(check(scheduler).await, Some(Timestamp::from_millis(NOON) + HOUR * 12));
    }
    for _ in 0..3 {
        bench.clock.advance(HOUR * 24);
        tokio::join!(check(&one), check(&other));
        tokio::join!(check(&other), check(&one));
        assert_eq!(
            bench.runs(),
            [ScheduleOutcome::Missed],
            "at noon it is too late for midnight, and reported once"
        );
    }
    bench.clock.advance(HOUR * 12);
    tokio::join!(check(&one), check(&other));
    tokio::join!(check(&one), check(&other));
    assert_eq!(bench.runs(), [ScheduleOutcome::Done(None)]);
}

#[tokio::test]
async fn two_servers_over_one_engine_run_each_time_once() {
    let (time, clock) = (FakedTime::at(NOON), ManualClock::new(Timestamp::from_millis(NOON)));
    let engine = Server::start(ServerOptions { time: Some(time.clone()), ..ServerOptions::default() });
    let node = Node { host: engine.address().ip().to_string(), port: engine.address().port() };
    let server = async || {
        let options = RedisOptions::new(vec![node.clone()], clock.clone(), Arc::new(OsRandomness));
        SchedulerFixture::over(&clock, RedisStore::open(options).await.expect("opens").ports())
    };
    let servers = [server().await, server().await];
    let [one, other] = [servers[0].scheduler(), servers[1].scheduler()];
    tokio::join!(check(&one), check(&other));
    for _ in 0..3 {
        for advance in [HOUR * 12, HOUR * 12] {
            clock.advance(advance);
            time.advance(advance);
            tokio::join!(check(&one), check(&other));
            tokio::join!(check(&other), check(&one));
        }
        let runs: Vec<_> = servers.iter().flat_map(SchedulerFixture::runs).collect();
        assert_eq!(runs, [ScheduleOutcome::Done(None)]);
    }
}

#[tokio::test]
async fn a_recently_missed_run_gets_one_catch_up_run() {
    let bench = SchedulerFixture::new();
    check(&bench.scheduler()).await;
    assert_eq!(bench.runs(), [], "no catch-up run for times before the schedule existed");
    // No scheduler runs over two midnights. The later one is two hours ago.
    bench.clock.advance(HOUR * 24 + HOUR * 14);
    let scheduler = bench.scheduler();
    check(&scheduler).await;
    check(&scheduler).await;
    assert_eq!(bench.runs(), [ScheduleOutcome::Done(None)]);
    bench.clock.advance(HOUR * 24 + Duration::from_millis(1));
    check(&scheduler).await;
    assert_eq!(bench.runs(), [ScheduleOutcome::Missed]);
    let status = &scheduler.statuses().await.expect("the store works")[0];
    let midnight = |days: u32| Timestamp::from_millis(NOON) + HOUR * 12 + HOUR * 24 * days;
    assert_eq!(status.last, Some((midnight(2), ScheduleOutcome::Missed)));
    assert_eq!(status.next, Some(midnight(3)));
}

#[tokio::test]
async fn the_run_of_a_dead_scheduler_is_taken_over_when_its_lease_expires() {
    take_over(|bench| bench.clock.advance(LEASE)).await;
}

#[tokio::test]
async fn setting_the_clock_back_does_not_extend_a_lease() {
    take_over(|bench| bench.clock.step_to(bench.clock.now().before(HOUR))).await;
}

async fn take_over(after: impl FnOnce(&SchedulerFixture)) {
    let bench = SchedulerFixture::new();
    let scheduler = bench.scheduler();
    check(&scheduler).await;
    bench.clock.advance(HOUR * 12);
    let policy = scheduler.service.policy().load_full();
    let schedule = &policy.schedules[0];
    let (value, _) = scheduler.state(schedule).await.expect("the store works").expect("is there");
    let until = bench.clock.now() + LEASE;
    let now = bench.clock.now();
    let claim = ScheduleState { outcome: ScheduleOutcome::Running(until), ..first(schedule, now) };
    let claim = ScheduleStateV1::encode(&claim).expect("encodes");
    assert!(scheduler.swap(schedule, Some(&value), &claim).await.expect("works"));

    assert_eq!(check(&scheduler).await, Some(until));
    assert_eq!(bench.runs(), []);
    after(&bench);
    check(&scheduler).await;
    assert_eq!(bench.runs(), [ScheduleOutcome::Done(None)]);
}

#[tokio::test]
async fn a_changed_schedule_is_treated_as_new() {
    let bench = SchedulerFixture::new();
    let scheduler = bench.scheduler();
    check(&scheduler).await;
    bench.clock.advance(HOUR);
    // Half past twelve has passed when the schedule changes to that time.
    let config: Config = toml::from_str(&CONFIG.replace("0 0 *", "30 12 *")).expect("deserializes");
    scheduler.service.policy().replace(Policy::new(&ValidConfig::read(config).expect("valid")));
    check(&scheduler).await;
    check(&scheduler).await;
    assert_eq!(bench.runs(), []);
    bench.clock.advance(HOUR * 24);
    check(&scheduler).await;
    assert_eq!(bench.runs(), [ScheduleOutcome::Done(None)]);
}

#[tokio::test]
async fn a_schedule_with_an_unreadable_state_is_treated_as_new_and_logged() {
    let bench = SchedulerFixture::new();
    let scheduler = bench.scheduler();
    check(&scheduler).await;
    let policy = scheduler.service.policy().load_full();
    let schedule = &policy.schedules[0];
    let (value, _) = scheduler.state(schedule).await.expect("the store works").expect("is there");
    assert!(scheduler.swap(schedule, Some(&value), b"{}").await.expect("works"));
    bench.clock.advance(HOUR * 13);
    let log = CapturedLog::of_this_thread();
    assert_eq!(scheduler.statuses().await.expect("the store works")[0].last, None);
    check(&scheduler).await;
    assert!(log.text().contains("unreadable state of a schedule"), "{}", log.text());
    check(&scheduler).await;
    assert_eq!(bench.runs(), [], "no catch-up run for earlier times");
    bench.clock.advance(HOUR * 24);
    check(&scheduler).await;
    assert_eq!(bench.runs(), [ScheduleOutcome::Done(None)]);
}

#[tokio::test]
async fn a_failed_run_is_retried_with_backoff_by_one_of_the_schedulers() {
    let bench = SchedulerFixture::new();
    let (one, other) = (bench.scheduler(), bench.scheduler());
    check(&one).await;
    bench.disturbance.fails.store(true, Ordering::Relaxed);
    bench.clock.advance(HOUR * 12);
    let midnight = bench.clock.now();
    let mut longest = FIRST_RETRY;
    for _ in 0..3 {
        tokio::join!(check(&one), check(&other));
        let runs = bench.runs();
        let [ScheduleOutcome::Retrying { at, .. }] = &runs[..] else { panic!("{runs:?}") };
        let wait = at.since(bench.clock.now());
        assert!((longest / 2..=longest).contains(&wait), "{wait:?}");
        let status = &other.statuses().await.expect("the store works")[0];
        assert_eq!(status.last, Some((midnight, runs[0].clone())));

        bench.clock.advance(wait - Duration::from_millis(1));
        assert_eq!(check(&other).await, Some(*at));
        assert_eq!(bench.runs(), [], "not yet");
        bench.clock.advance(Duration::from_millis(1));
        longest *= 2;
    }
    bench.disturbance.fails.store(false, Ordering::Relaxed);
    tokio::join!(check(&one), check(&other));
    assert_eq!(bench.runs(), [ScheduleOutcome::Done(None)]);
    tokio::join!(check(&one), check(&other));
    assert_eq!(bench.runs(), []);
}

#[tokio::test]
async fn setting_the_clock_back_does_not_delay_a_retry() {
    let bench = SchedulerFixture::new();
    let scheduler = bench.scheduler();
    check(&scheduler).await;
    bench.disturbance.fails.store(true, Ordering::Relaxed);
    bench.clock.advance(HOUR * 12);
    check(&scheduler).await;
    assert!(matches!(bench.runs()[..], [ScheduleOutcome::Retrying { .. }]));
    bench.disturbance.fails.store(false, Ordering::Relaxed);
    bench.clock.step_to(bench.clock.now().before(HOUR));
    check(&scheduler).await;
    assert_eq!(bench.runs(), [ScheduleOutcome::Done(None)]);
    bench.clock.advance(HOUR * 2);
    check(&scheduler).await;
    assert_eq!(bench.runs(), [], "midnight occurs twice, but runs once");
}

#[tokio::test]
async fn a_run_that_keeps_failing_is_given_up_when_it_is_too_old_for_a_catch_up_run() {
    let bench = SchedulerFixture::new();
    let scheduler = bench.scheduler();
    check(&scheduler).await;
    bench.disturbance.fails.store(true, Ordering::Relaxed);
    bench.clock.advance(HOUR * 12);
    let midnight = bench.clock.now();
    let mut attempts = 0;
    loop {
        let next = check(&scheduler).await.expect("is due again");
        match bench.runs().pop() {
            Some(ScheduleOutcome::Retrying { at, .. }) => {
                assert!(next == at && at.since(midnight) <= HOUR * 2);
                bench.clock.advance(at.since(bench.clock.now()));
                attempts += 1;
            }
            Some(ScheduleOutcome::Failed(reason)) => {
                break assert!(reason.contains("a test says so"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!((10..100).contains(&attempts), "{attempts}");
    check(&scheduler).await;
    assert_eq!(bench.runs(), []);
}

#[tokio::test]
async fn runs_due_at_the_same_time_do_not_wait_for_each_other() {
    let bench = SchedulerFixture::new();
    let slow = CONFIG.replace("midnight", "slow").replace("REF", "SLOW");
    let scheduler = bench.scheduler_of(&format!("{slow}{CONFIG}"));
    scheduler.statuses().await.expect("the store works");
    bench.clock.advance(HOUR * 12);
    let running = tokio::spawn(scheduler.run(CancellationToken::new()));
    while bench.runs.lock().expect("not poisoned").is_empty() {
        tokio::task::yield_now().await;
    }
    let ran = bench.runs.lock().expect("not poisoned").clone();
    assert_eq!(ran, [("midnight".to_owned(), ScheduleOutcome::Done(None))]);
    running.abort();
}
