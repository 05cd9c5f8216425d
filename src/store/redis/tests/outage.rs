//! Tests of a non-cluster engine that is unreachable, or whose primary changes.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt, future::join_all};
use test_engine::{Proxy, Server, ServerOptions};

use super::{address, nodes, real_options};
use crate::{
    domain::{
        clock::{Clock, SystemClock},
        port::{Codes, StoreHealth},
        registration_code::RegistrationCode,
    },
    store::{
        conformance::sample,
        redis::{RedisOptions, RedisStore},
    },
};

/// Longer than any expected event takes, and shorter than the interval at which watchers read without a signal.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until the condition holds.
pub(super) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asked = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, asked).await.is_ok(), "{what}: not within {PATIENCE:?}");
}

fn record(name: &str) -> RegistrationCode {
    sample::registration(SystemClock.now(), name, sample::TTL)
}

async fn create(store: &RedisStore, record: &RegistrationCode) -> Result<(), String> {
    let inserted = store.insert_if_absent(record, sample::NO_LIMIT, None).await;
    inserted.map(drop).map_err(|error| error.to_string())
}

/// A server, a proxy to it, a store through the proxy, and a store that connects directly.
async fn two_paths() -> (Server, Proxy, [RedisStore; 2]) {
    let server = Server::start(ServerOptions::default());
    let proxy = Proxy::before(&server);
    let behind = RedisOptions {
        max_in_flight: 8,
        response_timeout: Duration::from_millis(300),
        connect_timeout: Duration::from_millis(300),
        ..real_options(vec![address(proxy.address())])
    };
    let behind = RedisStore::open(behind).await.expect("opens");
    let past = RedisStore::open(real_options(vec![address(server.address())])).await.expect("opens");
    (server, proxy, [behind, past])
}

#[tokio::test]
async fn calls_to_an_unresponsive_engine_time_out_and_excess_calls_fail_immediately() {
    let (server, proxy, [store, _]) = two_paths().await;
    for round in ["held", "stopped"] {
        if round == "held" {
            proxy.hold()
        } else {
            server.stop_responding()
        }
        let keys: Vec<_> = (0..20).map(|number| record(&format!("R{round}N{number}")).key()).collect();
        let errors = join_all(keys.iter().map(|key| Codes::get(&store, key)));
        let errors = tokio::time::timeout(PATIENCE, errors).await.expect("all end");
        let errors: Vec<_> = errors.into_iter().map(|ended| ended.expect_err("fails").to_string()).collect();
        let beyond = errors.iter().filter(|error| error.contains("already in progress")).count();
        assert_eq!(beyond, 12, "{errors:?}");
        until("calls that fail at once", async || {
            matches!(Codes::get(&store, &keys[0]).now_or_never(), Some(Err(_)))
        })
        .await;
        store.check().await.expect_err("it is unreachable");
        if round == "held" {
            proxy.heal()
        } else {
            server.resume()
        }
        until("the store", async || store.check().await.is_ok()).await;
        create(&store, &record(&format!("R{round}"))).await.expect("creates again");
    }
}

#[tokio::test]
async fn a_watcher_is_signaled_about_missed_changes_after_a_reconnect() {
    let (_server, proxy, [behind, past]) = two_paths().await;
    let record = record("CODE");
    create(&past, &record).await.expect("creates");
    let mut signals = Codes::watch(&behind, &record.key()).await.expect("watches");
    let is_gone = async || {
        let entry = Codes::get(&behind, &record.key()).await;
        entry.is_ok_and(|entry| entry.is_some_and(|entry| entry.release_time.is_some()))
    };
    proxy.cut();
    until("the end of the connection", async || behind.check().await.is_err()).await;
    assert!(past.release(&record.key(), record.id).await.expect("the store works"));
    proxy.heal();
    // A watcher reads after each signal. One signal arrives once reads succeed again.
    let heard = async {
        while signals.next().await.is_some() {
            if is_gone().await {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, heard).await.expect("it is signaled");
}

/// A primary and a replica in sync.
async fn pair() -> [Server; 2] {
    let primary = Server::start(ServerOptions::default());
    let replica = Server::start(ServerOptions::default().replica_of(&primary));
    until("the replica", async || {
        replica.command(&["INFO", "replication"]).text().contains("master_link_status:up")
    })
    .await;
    [primary, replica]
}

#[tokio::test]
async fn a_promoted_replica_is_found_and_has_all_acknowledged_writes() {
    let servers = pair().await;
    let options =
        RedisOptions { wait_replicas: Some(1), wait_timeout: PATIENCE, ..real_options(nodes(&servers)) };
    let store = RedisStore::open(options).await.expect("opens");
    let record = record("CODE");
    create(&store, &record).await.expect("creates");
    let mut signals = Codes::watch(&store, &record.key()).await.expect("watches");
    let [primary, replica] = servers;
    primary.kill();
    until("errors", async || store.check().await.is_err()).await;
    replica.command(&["REPLICAOF", "NO", "ONE"]);
    until("the store", async || store.check().await.is_ok()).await;
    tokio::time::timeout(PATIENCE, signals.next()).await.expect("the watcher is signaled");
}

#[tokio::test]
async fn a_demoted_primary_is_abandoned_for_the_new_one() {
    let servers = pair().await;
    let store = RedisStore::open(real_options(nodes(&servers))).await.expect("opens");
    let first = record("FIRST");
    create(&store, &first).await.expect("creates");
    let [primary, replica] = &servers;
    until("the code at the replica", async || replica.command(&["EXISTS", &text_key(&first)]).integer() == 1)
        .await;
    replica.command(&["REPLICAOF", "NO", "ONE"]);
    let port = replica.address().port().to_string();
    primary.command(&["REPLICAOF", "127.0.0.1", &port]);
    let second = record("SECOND");
    until("a create", async || create(&store, &second).await.is_ok()).await;
    assert_eq!(replica.command(&["EXISTS", &text_key(&second)]).integer(), 1);
    assert!(Codes::get(&store, &first.key()).await.expect("the store works").is_some());
}

fn text_key(record: &RegistrationCode) -> String {
    let [key, _] = crate::store::redis::key::code(&record.key());
    String::from_utf8(key).expect("text")
}

#[tokio::test]
async fn a_write_that_no_replica_acknowledges_is_unavailable() {
    let server = Server::start(ServerOptions::default());
    let options = RedisOptions {
        wait_replicas: Some(1),
        wait_timeout: Duration::from_millis(50),
        ..real_options(nodes(std::slice::from_ref(&server)))
    };
    let store = RedisStore::open(options).await.expect("opens");
    let error = create(&store, &record("CODE")).await.expect_err("no replica has it");
    assert!(error.contains("0 of 1 replicas") && error.contains("store.wait_replicas"), "{error}");
}
