//! Tests of a cluster whose primaries fail.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream};
use test_engine::{Cluster, ClusterOptions, ServerOptions};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    nodes,
    outage::{PATIENCE, until},
    real_options,
};
use crate::{
    domain::{
        clock::{Clock, SystemClock},
        port::{Codes, Insertion, StoreHealth},
        registration_code::RegistrationCode,
    },
    store::{
        conformance::sample,
        redis::{RedisOptions, RedisStore, key},
    },
};

/// Short, so that a failover is fast.
const NODE_TIMEOUT: Duration = Duration::from_millis(500);

/// The number of concurrent clients. Each has an environment of its own, because the count of an environment has a slot too.
const CLIENTS: usize = 6;

/// The pause of a client after an error.
const PAUSE: Duration = Duration::from_millis(5);

fn cluster(replicas: usize) -> Cluster {
    // Otherwise no node serves any slot while one slot has no primary.
    let config = vec!["cluster-require-full-coverage no".to_owned()];
    Cluster::start(&ClusterOptions {
        node: ServerOptions { config, ..ServerOptions::default() },
        primaries: 3,
        replicas,
        node_timeout: Some(NODE_TIMEOUT),
        ..ClusterOptions::default()
    })
}

async fn store(cluster: &Cluster, wait_replicas: u32) -> RedisStore {
    let options = real_options(nodes(cluster.nodes()));
    RedisStore::open(RedisOptions { wait_replicas: Some(wait_replicas), ..options }).await.expect("opens")
}

fn record(client: usize, name: &str) -> RegistrationCode {
    let mut record = sample::registration(SystemClock.now(), name, sample::TTL);
    record.environment = sample::environment(&format!("environment-{client}"));
    record
}

async fn create(store: &RedisStore, record: &RegistrationCode) -> Result<(), String> {
    match store.insert_if_absent(record, sample::NO_LIMIT, None).await {
        Ok(Insertion::Inserted) => Ok(()),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

/// The results that clients have received.
#[derive(Default)]
struct LoadOutcome {
    acknowledged: Vec<RegistrationCode>,
    refused: Vec<(RegistrationCode, String)>,
}

/// Clients that create codes until they are stopped.
struct CreateLoad {
    stop: CancellationToken,
    clients: JoinSet<LoadOutcome>,
    acknowledged: Arc<AtomicUsize>,
}

impl CreateLoad {
    fn start(store: &RedisStore, round: usize) -> Self {
        let (stop, mut clients) = (CancellationToken::new(), JoinSet::new());
        let acknowledged = Arc::<AtomicUsize>::default();
        for client in 0..CLIENTS {
            let (store, stop, acknowledged) = (store.clone(), stop.clone(), Arc::clone(&acknowledged));
            clients.spawn(async move {
                let mut outcome = LoadOutcome::default();
                while !stop.is_cancelled() {
                    let number = outcome.acknowledged.len() + outcome.refused.len();
                    let record = record(client, &format!("R{round}C{client}N{number}"));
                    match create(&store, &record).await {
                        Ok(()) => {
                            acknowledged.fetch_add(1, Ordering::Relaxed);
                            outcome.acknowledged.push(record);
                        }
                        Err(error) => {
                            outcome.refused.push((record, error));
                            tokio::time::sleep(PAUSE).await;
                        }
                    }
                }
                outcome
            });
        }
        Self { stop, clients, acknowledged }
    }

    async fn stop(self) -> LoadOutcome {
        self.stop.cancel();
        let mut all = LoadOutcome::default();
        for outcome in self.clients.join_all().await {
            all.acknowledged.extend(outcome.acknowledged);
            all.refused.extend(outcome.refused);
        }
        all
    }
}

/// The number of records that are missing.
async fn lost(store: &RedisStore, acknowledged: &[RegistrationCode]) -> usize {
    let look = |record: &RegistrationCode| {
        let (store, key) = (store.clone(), record.key());
        async move { Codes::get(&store, &key).await.expect("the store works").is_none() }
    };
    let missing = stream::iter(acknowledged.iter().map(look)).buffer_unordered(64);
    missing.filter(|missing| std::future::ready(*missing)).count().await
}

/// The effects of killing primaries.
#[derive(Debug, Default)]
struct Report {
    acknowledged: usize,
    refused: usize,
    lost: usize,
    /// For each kill, the time for which the slot had no primary.
    outages: Vec<Duration>,
}

/// Kills the primary of one slot per round while clients create codes.
async fn kill(cluster: &Cluster, store: &RedisStore, rounds: Range<usize>) -> Report {
    let mut report = Report::default();
    for round in rounds {
        let load = CreateLoad::start(store, round);
        let witness = record(CLIENTS, &format!("W{round}"));
        let slot_of = |record: &RegistrationCode| cluster.slot_of(&key::code(&record.key())[0]);
        let victim = cluster.primary_of(slot_of(&witness));
        // Make sure that there are codes to lose.
        until("a hundred creates", async || load.acknowledged.load(Ordering::Relaxed) > 100).await;
        cluster.nodes()[victim].kill();
        let killed = SystemClock.instant();
        let mut attempt = 0;
        until("a create in the slot reaches a primary", async || {
            attempt += 1;
            let mut again = witness.clone();
            again.id = uuid::Uuid::from_u64_pair(round as u64, attempt);
            // One replica is the primary by now, so the configured number cannot acknowledge until the killed node is back.
            let outcome = store.insert_if_absent(&again, sample::NO_LIMIT, None).await;
            outcome.map_or_else(|error| error.to_string().contains("too few replicas"), |_| true)
        })
        .await;
        report.outages.push(SystemClock.instant().since(killed));
        let outcome = load.stop().await;
        cluster.nodes()[victim].restart();
        cluster.wait_until_ok();
        let successor = cluster.primary_of(slot_of(&witness));
        for (record, error) in &outcome.refused {
            let slots = [slot_of(record), cluster.slot_of(key::live_count(&record.environment))];
            assert!(
                slots.iter().any(|slot| cluster.primary_of(*slot) == successor),
                "{error} does not concern a slot of the killed primary"
            );
        }
        until("every primary", async || StoreHealth::check(store).await.is_ok()).await;
        report.lost += lost(store, &outcome.acknowledged).await;
        report.acknowledged += outcome.acknowledged.len();
        report.refused += outcome.refused.len();
    }
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_code_is_lost_with_its_primary() {
    let cluster = cluster(2);
    let store = store(&cluster, 2).await;
    let report = kill(&cluster, &store, 0..2).await;
    assert_eq!(report.lost, 0, "{report:?}");
    assert!(report.acknowledged > 0, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes minutes"]
async fn twenty_primaries_fail_one_after_the_other() {
    for wait_replicas in [0, 1, 2] {
        let cluster = cluster(2);
        let store = store(&cluster, wait_replicas).await;
        let report = kill(&cluster, &store, 0..20).await;
        println!("wait_replicas = {wait_replicas}: {report:?}");
        assert!(wait_replicas == 0 || report.lost == 0, "{report:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_primary_is_replaced_while_others_respond_and_its_watchers_are_signaled() {
    let cluster = cluster(2);
    let store = store(&cluster, 1).await;
    let primary_of =
        |record: &RegistrationCode| cluster.primary_of(cluster.slot_of(&key::code(&record.key())[0]));
    let one = record(0, "CODE");
    let victim = primary_of(&one);
    let mut others = (0..).map(|number| record(0, &format!("N{number}")));
    let other = others.find(|record| primary_of(record) != victim).expect("one of them");
    for record in [&one, &other] {
        create(&store, record).await.expect("creates");
    }
    let mut signals = Codes::watch(&store, &one.key()).await.expect("watches");
    cluster.nodes()[victim].stop_responding();
    until("the code at another primary", async || {
        let found = Codes::get(&store, &other.key()).await.expect("its primary responds");
        assert!(found.is_some());
        Codes::get(&store, &one.key()).await.is_ok_and(|found| found.is_some())
    })
    .await;
    let signaled = tokio::time::timeout(PATIENCE, signals.next()).await.expect("in time");
    signaled.expect("the stream continues");
    cluster.nodes()[victim].resume();
}

#[tokio::test(flavor = "multi_thread")]
async fn with_one_replica_per_primary_a_failed_over_slot_is_unavailable_until_the_node_is_back() {
    let cluster = cluster(1);
    let store = store(&cluster, 1).await;
    let record = record(0, "CODE");
    create(&store, &record).await.expect("creates");
    let victim = cluster.primary_of(cluster.slot_of(&key::code(&record.key())[0]));
    cluster.nodes()[victim].kill();
    until("the elected primary", async || {
        let read = Codes::get(&store, &record.key()).await;
        read.is_err_and(|error| error.to_string().contains("0 of 1 replicas"))
    })
    .await;
    cluster.nodes()[victim].restart();
    until("the code", async || Codes::get(&store, &record.key()).await.is_ok_and(|found| found.is_some()))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_replicas_only_the_slots_of_a_failed_primary_are_unavailable() {
    let cluster = cluster(0);
    let store = store(&cluster, 0).await;
    let primary_of =
        |record: &RegistrationCode| cluster.primary_of(cluster.slot_of(&key::code(&record.key())[0]));
    let one = record(0, "CODE");
    let victim = primary_of(&one);
    let mut others = (0..).map(|number| record(0, &format!("N{number}")));
    let other = others.find(|record| primary_of(record) != victim).expect("one of them");
    cluster.nodes()[victim].kill();
    until("an error", async || Codes::get(&store, &one.key()).await.is_err()).await;
    Codes::get(&store, &other.key()).await.expect("it has a primary");
    cluster.nodes()[victim].restart();
    until("the store", async || Codes::get(&store, &one.key()).await.is_ok()).await;
}
