//! The conformance suite against real engines, and tests specific to this store.

mod access;
mod failover;
mod outage;
mod resharding;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::TryStreamExt;
use test_engine::{Cluster, ClusterOptions, FakedTime, Product, Server, ServerOptions};
use uuid::Uuid;

use super::{
    Node, RedisOptions, RedisStore,
    cell::{self, Cell, NextValue},
    code_value, key,
    ledger::{PendingRecord, StoredEntry},
    script::EngineCall,
};
use crate::{
    domain::{
        clock::{Clock, ManualClock, SystemClock, Timestamp},
        port::{Codes, Insertion, Store, StoreHealth, Transfer, Trials},
        randomness::OsRandomness,
        registration_code::{CodeState, RegistrationCode},
        temp_pass::{Holder, KnownTrial, ResetTarget, Trial, TrialApplication, TrialState},
    },
    format::{TrialCell, TrialCellContent},
    store::conformance::{
        Harness, StoreTime, conformance, sample,
        trials::{BASIC, authorization, identity, temp_pass},
    },
};

/// The password of the documented user.
const PASSWORD: &str = "conformance";

/// A time that is not a multiple of a second.
const START: u64 = 1_763_000_000_000 + 123_456;

/// An engine that tests share one after the other. It runs for as long as a test uses it.
struct SharedTestEngines {
    engine: TestEngine,
    time: FakedTime,
    turn: Arc<tokio::sync::Mutex<()>>,
}

enum TestEngine {
    Server(Server),
    Cluster(Cluster),
}

impl TestEngine {
    fn nodes(&self) -> &[Server] {
        match self {
            Self::Server(server) => std::slice::from_ref(server),
            Self::Cluster(cluster) => cluster.nodes(),
        }
    }
}

/// The shared engine of a kind, while a test uses it.
type SharedEngineSlot = Mutex<Weak<SharedTestEngines>>;

static REDIS: SharedEngineSlot = SharedEngineSlot::new(Weak::new());
static REDIS_CLUSTER: SharedEngineSlot = SharedEngineSlot::new(Weak::new());
static VALKEY: SharedEngineSlot = SharedEngineSlot::new(Weak::new());

fn server(product: Product, time: &FakedTime) -> TestEngine {
    TestEngine::Server(Server::start(node(product, time)))
}

/// Three primaries with two replicas each.
fn cluster(product: Product, time: &FakedTime) -> TestEngine {
    let node = node(product, time);
    TestEngine::Cluster(Cluster::start(&ClusterOptions {
        node,
        primaries: 3,
        replicas: 2,
        ..ClusterOptions::default()
    }))
}

fn node(product: Product, time: &FakedTime) -> ServerOptions {
    let users = vec![documented_user().replace("PASSWORD", PASSWORD)];
    ServerOptions { product, time: Some(time.clone()), users, ..ServerOptions::default() }
}

/// The command that creates the user, as documented for operators. The suite runs with this user's permissions.
fn documented_user() -> String {
    let document = include_str!("../../../../docs/redis.md");
    let (_, user) = document.split_once("ACL SETUSER ").expect("a user");
    let (user, _) = user.split_once("```").expect("the end of the command");
    user.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn address(address: SocketAddr) -> Node {
    Node { host: address.ip().to_string(), port: address.port() }
}

fn nodes(servers: &[Server]) -> Vec<Node> {
    servers.iter().map(|server| address(server.address())).collect()
}

/// Options for engines that use the machine's clock.
fn real_options(nodes: Vec<Node>) -> RedisOptions {
    RedisOptions::new(nodes, Arc::new(SystemClock), Arc::new(OsRandomness))
}

/// A store over an engine whose clock the suite controls, together with the process's clock.
struct RedisHarness {
    time: Time,
    options: RedisOptions,
    store: Mutex<RedisStore>,
    _turn: tokio::sync::OwnedMutexGuard<()>,
    _engine: Arc<SharedTestEngines>,
}

struct Time {
    engine: FakedTime,
    own: Arc<ManualClock>,
}

impl RedisHarness {
    /// Uses the engine in this place, after starting it if necessary and deleting all keys.
    async fn over(
        place: &SharedEngineSlot,
        product: Product,
        start: fn(Product, &FakedTime) -> TestEngine,
    ) -> Self {
        let shared = {
            let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
            place.upgrade().unwrap_or_else(|| {
                let time = FakedTime::at(START);
                let shared =
                    Arc::new(SharedTestEngines { engine: start(product, &time), time, turn: Arc::default() });
                *place = Arc::downgrade(&shared);
                shared
            })
        };
        let turn = Arc::clone(&shared.turn).lock_owned().await;
        shared.time.set(START);
        for node in shared.engine.nodes() {
            // Replicas reject the command and follow their primaries.
            node.command(&["FLUSHALL"]);
        }
        let nodes = nodes(shared.engine.nodes());
        let time = Time { engine: shared.time.clone(), own: ManualClock::new(Timestamp::from_millis(START)) };
        let options = RedisOptions {
            username: Some("passbridge".to_owned()),
            password: Some(Arc::new(|| Ok(PASSWORD.to_owned().into()))),
            ..RedisOptions::new(nodes, time.own.clone(), Arc::new(OsRandomness))
        };
        let store = RedisStore::open(options.clone()).await.expect("opens");
        Self { time, options, store: Mutex::new(store), _turn: turn, _engine: shared }
    }

    fn redis(&self) -> RedisStore {
        self.store.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Harness for RedisHarness {
    fn store(&self) -> Store {
        self.redis().ports()
    }

    fn time(&self) -> &dyn StoreTime {
        &self.time
    }

    async fn reopen(&self) -> bool {
        self.redis().close().await.expect("closes");
        let store = RedisStore::open(self.options.clone()).await.expect("opens again");
        *self.store.lock().unwrap_or_else(PoisonError::into_inner) = store;
        true
    }
}

#[async_trait]
impl StoreTime for Time {
    fn read(&self) -> Timestamp {
        self.own.now()
    }

    async fn pass(&self, time: Duration) {
        self.engine.advance(time);
        self.own.advance(time);
    }
}

mod on_redis {
    use super::*;

    conformance!(RedisHarness::over(&REDIS, Product::Redis, server).await);
}

mod on_redis_cluster {
    use super::*;

    conformance!(RedisHarness::over(&REDIS_CLUSTER, Product::Redis, cluster).await);
}

mod on_valkey {
    use super::*;

    conformance!(RedisHarness::over(&VALKEY, Product::Valkey, server).await);
}

/// A replica with the clock `now`, over the same engine.
async fn replica_with_clock(harness: &RedisHarness, now: Timestamp) -> RedisStore {
    let options = RedisOptions { clock: ManualClock::new(now), ..harness.options.clone() };
    RedisStore::open(options).await.expect("opens")
}

#[tokio::test]
async fn replicas_with_different_clocks_agree_on_the_expiry_of_a_code() {
    let harness = RedisHarness::over(&REDIS, Product::Redis, server).await;
    let hour = Duration::from_secs(3_600);
    let start = Timestamp::from_millis(START);
    let early = replica_with_clock(&harness, start.before(hour)).await;
    let late = replica_with_clock(&harness, start + hour).await;
    assert_eq!([early.clock().now(), late.clock().now()], [start, start], "both follow the engine's time");

    // Created for a minute, by the replica whose own clock is an hour ahead.
    let minute = Duration::from_secs(60);
    let record = sample::registration(late.clock().now(), "CODE", minute);
    let inserted = late.ports().codes.insert_if_absent(&record, 10, None).await.expect("the store works");
    assert_eq!(inserted, Insertion::Inserted);
    let codes = early.ports().codes;
    let found = codes.get(&record.key()).await.expect("the store works").expect("it is there");
    assert_eq!(found.state(early.clock().now()), CodeState::Pending);
    harness.time.engine.advance(minute);
    assert!(!codes.release(&record.key(), record.id).await.expect("the store works"), "it has expired");
    // Codes are counted in whole seconds.
    harness.time.engine.advance(Duration::from_secs(1));
    assert_eq!(codes.live_codes().await.expect("the store works"), [(record.environment.clone(), 0)]);
}

#[tokio::test]
async fn a_pending_record_of_a_failed_server_is_stored_by_the_next_reader_of_its_entry() {
    let harness = RedisHarness::over(&REDIS_CLUSTER, Product::Redis, cluster).await;
    let (store, now) = (harness.redis(), harness.time.own.now());
    let record = sample::registration(now, "CODE", sample::TTL);
    let key = sample::ledger_key("request_id", "repeated");
    let entry = sample::entry("answer", Some(record.forget_time()));
    let pending = PendingRecord { value: code_value::encode(&record).expect("encodes") };
    assert!(store.put(&key, &StoredEntry::pending(entry.clone(), &pending)).await.expect("stored").is_none());

    let another = sample::registration(now, "OTHER", sample::TTL);
    let with = Some((&key, sample::entry("another answer", Some(another.forget_time()))));
    let repeated = store.insert_if_absent(&another, 10, with).await.expect("the store works");
    assert_eq!(repeated, Insertion::Repeated(entry));
    let stored = Codes::get(&store, &record.key()).await.expect("the store works").expect("it is there");
    assert_eq!(stored.registration, record);
    assert_eq!(Codes::get(&store, &another.key()).await.expect("the store works"), None);
}

#[tokio::test]
async fn an_entry_whose_record_cannot_be_stored_is_replaced() {
    let harness = RedisHarness::over(&REDIS_CLUSTER, Product::Redis, cluster).await;
    let (store, now) = (harness.redis(), harness.time.own.now());
    let taken = sample::insert(&harness, "CODE").await;
    let lost = RegistrationCode { id: Uuid::from_u128(1), ..taken.clone() };
    let key = sample::ledger_key("request_id", "repeated");
    let pending = PendingRecord { value: code_value::encode(&lost).expect("encodes") };
    let left = StoredEntry::pending(sample::entry("lost", Some(lost.forget_time())), &pending);
    assert!(store.put(&key, &left).await.expect("stored").is_none());

    let next = sample::registration(now, "NEXT", sample::TTL);
    let with = Some((&key, sample::entry("answer", Some(next.forget_time()))));
    let inserted = store.insert_if_absent(&next, 10, with).await.expect("the store works");
    assert_eq!(inserted, Insertion::Inserted);
}

/// The generation is in a slot of its own, so a reset of all can be lost with its primary while later trials are not.
#[tokio::test]
async fn a_lost_reset_of_all_takes_effect_again_when_a_later_trial_is_read() {
    let harness = RedisHarness::over(&REDIS_CLUSTER, Product::Redis, cluster).await;
    let store = harness.redis();
    let temp_pass = temp_pass("TempPass");
    let authorize = async |device: &str| {
        let verdict = store.authorize(authorization(BASIC, identity(device, None), "one")).await;
        verdict.expect("the store works").trial.state
    };
    authorize("before").await;
    let all = store.reset(&temp_pass, &ResetTarget::All, &TrialApplication::default()).await;
    assert_eq!(all.expect("the store works"), None);
    authorize("behind").await;
    let lose = EngineCall::command("DEL", [key::generation(&temp_pass)]);
    assert_eq!(store.engine().call::<u64>(lose).await.expect("the store works"), 1);

    assert_eq!(authorize("behind").await, TrialState::Active);
    let view =
        Trials::get(&store, &temp_pass, &BASIC, &identity("before", None)).await.expect("the store works");
    assert_eq!(view.state, TrialState::NotStarted);
}

/// The changes of two cells that start a trial of a promotional TempPass.
async fn start_under_way(store: &RedisStore, harness: &RedisHarness) -> (Vec<(Cell, NextValue)>, Timestamp) {
    let (mut changes, mut now) = (Vec::new(), harness.time.own.now());
    for (key, value) in [("pb:d:e/r/m:{device}", "trial"), ("pb:u:e/r/m:{user}", "binding")] {
        let (cell, time) = store.read_cell(key.as_bytes().to_vec()).await.expect("the store works");
        now = time;
        changes.push((cell, Some((value.as_bytes().to_vec(), now + sample::TTL))));
    }
    (changes, now)
}

async fn values(store: &RedisStore, changes: &[(Cell, NextValue)]) -> Vec<Option<String>> {
    let mut values = Vec::new();
    for (cell, _) in changes {
        let (cell, _) = store.read_cell(cell.key.clone()).await.expect("the store works");
        values.push(cell.value.map(|value| String::from_utf8(value).expect("text")));
    }
    values
}

#[tokio::test]
async fn an_abandoned_change_without_a_commit_never_happens() {
    let harness = RedisHarness::over(&REDIS_CLUSTER, Product::Redis, cluster).await;
    let store = harness.redis();
    let (changes, now) = start_under_way(&store, &harness).await;
    let lock = store.lock_cells(&changes, now).await.expect("the store works").expect("locked");
    // Another change must wait while the locks are held.
    assert!(!store.change_cells(&changes, now).await.expect("the store works"));
    harness.time().pass(cell::LOCK_DURATION).await;
    assert_eq!(values(&store, &changes).await, [None, None]);
    assert!(
        !store.commit_cells(&changes, &lock).await.expect("the store works"),
        "it was aborted permanently"
    );
    assert_eq!(values(&store, &changes).await, [None, None]);
}

#[tokio::test]
async fn an_abandoned_change_with_a_commit_is_completed_by_the_next_reader() {
    let harness = RedisHarness::over(&REDIS_CLUSTER, Product::Redis, cluster).await;
    let store = harness.redis();
    let (changes, now) = start_under_way(&store, &harness).await;
    let lock = store.lock_cells(&changes, now).await.expect("the store works").expect("locked");
    assert!(store.commit_first(&lock).await.expect("the store works"));
    let done = ["trial", "binding"].map(|value| Some(value.to_owned()));
    let (_, rest) = changes.split_first().expect("two");
    assert_eq!(values(&store, rest).await, done[1..]);
    harness.time().pass(cell::LOCK_DURATION * 2).await;
    assert_eq!(values(&store, &changes).await, done);
}

#[tokio::test]
async fn at_most_one_of_several_conflicting_changes_happens() {
    let harness = RedisHarness::over(&REDIS_CLUSTER, Product::Redis, cluster).await;
    let store = harness.redis();
    let (changes, now) = start_under_way(&store, &harness).await;
    let attempts = (0..16).map(|index| {
        let next = |(cell, _): &(Cell, NextValue)| (cell.clone(), Some((vec![index], now + sample::TTL)));
        let (store, mut changes) = (store.clone(), changes.iter().map(next).collect::<Vec<_>>());
        if index % 2 == 1 {
            changes.reverse();
        }
        async move { store.change_cells(&changes, now).await.expect("the store works") }
    });
    let happened = futures_util::future::join_all(attempts).await;
    let winners: Vec<_> = happened.iter().enumerate().filter(|(_, happened)| **happened).collect();
    assert!(winners.len() <= 1, "{happened:?}");
    let values = values(&store, &changes).await;
    assert_eq!(values[0], values[1], "both cells are from the same change");
    assert_eq!(values[0].is_some(), winners.len() == 1);
}

#[tokio::test]
async fn a_copy_includes_the_bindings_of_an_abandoned_committed_start() {
    let harness = RedisHarness::over(&REDIS_CLUSTER, Product::Redis, cluster).await;
    let store = harness.redis();
    let temp_pass = temp_pass("TempPass");
    let identity = identity("a device", Some(1));
    let key = identity.generic_key.as_ref().expect("has one");
    let holders = [Holder::device(&identity.device_id), Holder::key(key)];
    let (now, id) = (harness.time.own.now(), Uuid::from_u128(7));
    let trial = Trial {
        device: *holders[0].digest(),
        start_time: now,
        forget_time: now + sample::TTL,
        application: TrialApplication::default(),
        used_resources: Vec::new(),
    };
    let contents = [
        TrialCellContent::Own(KnownTrial { id, trial: trial.clone() }),
        TrialCellContent::Bound { home: trial.device, id },
    ];
    let mut changes = Vec::new();
    for (holder, content) in holders.iter().zip(contents) {
        let cell = Cell::absent(key::cell(&temp_pass, holder));
        let value = TrialCell { generation: 0, content }.encode().expect("encodes");
        changes.push((cell, Some((value, trial.forget_time))));
    }
    let lock = store.lock_cells(&changes, now).await.expect("the store works").expect("locked");
    assert!(store.commit_first(&lock).await.expect("the store works"));
    let holdings: Vec<_> = Transfer::holdings(&store).try_collect().await.expect("the store works");
    let bound: Vec<_> = holdings.iter().map(|holding| holding.holder).collect();
    assert_eq!(bound, holders);
}
