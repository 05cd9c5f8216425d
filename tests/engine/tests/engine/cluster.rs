//! Tests of clusters: failover, network partitions, and migration of slots.

use std::time::Duration;

use test_engine::{Cluster, ClusterOptions, FakedTime, Product, Reply, Server, ServerOptions};

use crate::support::{PRODUCTS, eventually, tls};

const START: u64 = 1_700_000_000_123;
const MILLISECOND: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_hours(24);

fn of(product: Product) -> ServerOptions {
    ServerOptions { product, ..ServerOptions::default() }
}

fn at(time: &FakedTime, product: Product) -> ServerOptions {
    ServerOptions { time: Some(time.clone()), ..of(product) }
}

/// Sets a key at the primary that has its slot, and asserts that this many replicas acknowledge it.
fn set_at_replicas(primary: &Server, key: &str, value: &str, replicas: i64) {
    let mut connection = primary.connect().expect("up");
    assert_eq!(connection.ask(&["SET", key, value]).expect("answered").text(), "OK");
    let acknowledged = connection.ask(&["WAIT", &replicas.to_string(), "0"]).expect("answered");
    assert_eq!(acknowledged.integer(), replicas);
}

fn is_moved(reply: &Reply, to: &str) -> bool {
    matches!(reply, Reply::Error(error) if error.starts_with("MOVED ") && error.ends_with(to))
}

#[test]
fn three_primaries_serve_a_third_of_the_slots_each() {
    for product in PRODUCTS {
        let cluster = Cluster::start(&ClusterOptions { node: of(product), ..ClusterOptions::default() });
        assert_eq!(
            [0, 5460, 5461, 10_921, 10_922, 16_383].map(|slot| cluster.primary_of(slot)),
            [0, 0, 1, 1, 2, 2]
        );
        let slot = cluster.slot_of("key");
        assert_eq!(cluster.primary(slot).command(&["SET", "key", "value"]).text(), "OK");
        let owner = cluster.primary_of(slot);
        let other = &cluster.nodes()[(owner + 1) % 3];
        let address = cluster.nodes()[owner].address().to_string();
        assert!(is_moved(&other.command(&["GET", "key"]), &address));
    }
}

#[test]
fn keys_expire_by_the_faked_time_on_every_node_and_a_jump_of_400_days_changes_no_role() {
    for product in PRODUCTS {
        let time = FakedTime::at(START);
        let options = ClusterOptions { node: at(&time, product), replicas: 2, ..ClusterOptions::default() };
        let cluster = Cluster::start(&options);
        assert_eq!(time.unix_ms(), START);
        let keys = ["one", "two", "three", "four", "five", "six"];
        let get = |key: &str| cluster.primary(cluster.slot_of(key)).command(&["GET", key]);
        for key in keys {
            let end = (START + 1000).to_string();
            cluster.primary(cluster.slot_of(key)).command(&["SET", key, "value", "PXAT", &end]);
        }
        time.advance(Duration::from_secs(1));
        for key in keys {
            assert_eq!(get(key).text(), "value");
        }
        time.advance(MILLISECOND);
        for key in keys {
            assert_eq!(get(key), Reply::Nil);
        }
        for _ in 0..3 {
            time.advance(400 * DAY);
            for primary in 0..3 {
                let key = keys.iter().find(|key| cluster.primary_of(cluster.slot_of(key)) == primary);
                set_at_replicas(&cluster.nodes()[primary], key.expect("each has one"), "value", 2);
            }
        }
        cluster.wait_until_ok();
        assert_eq!([0, 1, 2].map(|primary| cluster.replicas_of(primary)), [[3, 4], [5, 6], [7, 8]]);
    }
}

#[test]
fn a_replica_replaces_a_killed_primary_which_returns_as_a_replica() {
    for product in PRODUCTS {
        let cluster = Cluster::start(&ClusterOptions {
            node: of(product),
            replicas: 2,
            node_timeout: Some(Duration::from_secs(1)),
            ..ClusterOptions::default()
        });
        let slot = cluster.slot_of("key");
        let old = cluster.primary_of(slot);
        set_at_replicas(&cluster.nodes()[old], "key", "value", 2);
        let replicas = cluster.replicas_of(old);
        cluster.nodes()[old].kill();
        cluster.wait_until_ok();
        let new = cluster.primary_of(slot);
        assert!(replicas.contains(&new), "{new}, not of {replicas:?}");
        assert_eq!(cluster.nodes()[new].command(&["GET", "key"]).text(), "value");
        cluster.nodes()[old].restart();
        cluster.wait_until_ok();
        assert!(cluster.replicas_of(new).contains(&old));
    }
}

#[test]
fn sharded_messages_reach_the_subscribers_at_every_node_of_their_shard() {
    for product in PRODUCTS {
        let time = FakedTime::at(START);
        let options = ClusterOptions { node: at(&time, product), replicas: 1, ..ClusterOptions::default() };
        let cluster = Cluster::start(&options);
        let primary = cluster.primary_of(cluster.slot_of("channel"));
        let replica = cluster.replicas_of(primary)[0];
        let mut subscribers = [primary, replica].map(|node| cluster.nodes()[node].connect().expect("up"));
        for subscriber in &mut subscribers {
            subscriber.ask(&["SSUBSCRIBE", "channel"]).expect("answered");
        }
        cluster.nodes()[primary].command(&["SPUBLISH", "channel", "message"]);
        for subscriber in &mut subscribers {
            assert_eq!(subscriber.receive().expect("a message").elements()[2].text(), "message");
        }
    }
}

#[test]
fn a_manual_failover_works_under_a_faked_time() {
    let time = FakedTime::at(START);
    let options =
        ClusterOptions { node: at(&time, Product::Redis), replicas: 1, ..ClusterOptions::default() };
    let cluster = Cluster::start(&options);
    set_at_replicas(&cluster.nodes()[0], "{06S}key", "value", 1);
    cluster.nodes()[0].kill();
    cluster.promote(3);
    cluster.wait_until_ok();
    assert_eq!(cluster.primary(0).command(&["GET", "{06S}key"]).text(), "value");
    assert_eq!(cluster.primary_of(0), 3);
    assert_eq!(time.unix_ms(), START);
}

#[test]
fn a_moved_slot_keeps_its_keys_and_clients_are_redirected() {
    for product in PRODUCTS {
        let cluster =
            Cluster::start(&ClusterOptions { node: of(product), replicas: 1, ..ClusterOptions::default() });
        let keys: Vec<_> = (0..5).map(|number| format!("{{tag}}{number}")).collect();
        let slot = cluster.slot_of("{tag}");
        let from = cluster.primary_of(slot);
        let to = (from + 1) % 3;
        for key in &keys {
            cluster.nodes()[from].command(&["SET", key, "value"]);
        }
        let moving = cluster.begin_move(slot, to);
        assert_eq!(moving.move_keys(2), 2);
        let sent_on = keys.iter().filter(|key| {
            let answer = cluster.nodes()[from].command(&["GET", key]);
            matches!(answer, Reply::Error(error) if error.starts_with("ASK "))
        });
        assert_eq!(sent_on.count(), 2);
        moving.finish();
        assert_eq!(cluster.primary_of(slot), to);
        for key in &keys {
            assert_eq!(cluster.nodes()[to].command(&["GET", key]).text(), "value");
            let address = cluster.nodes()[to].address().to_string();
            assert!(is_moved(&cluster.nodes()[from].command(&["GET", key]), &address));
        }
        cluster.move_slot(slot, from);
        assert_eq!(cluster.nodes()[from].command(&["GET", &keys[0]]).text(), "value");
    }
}

#[test]
fn a_primary_in_a_minority_loses_the_writes_that_it_acknowledges() {
    for product in PRODUCTS {
        let cluster = Cluster::start(&ClusterOptions {
            node: of(product),
            replicas: 1,
            node_timeout: Some(Duration::from_secs(1)),
            partitionable: true,
            ..ClusterOptions::default()
        });
        let slot = cluster.slot_of("key");
        let old = cluster.primary_of(slot);
        let replica = cluster.replicas_of(old)[0];
        set_at_replicas(&cluster.nodes()[old], "key", "before", 1);
        cluster.partition(&[old]);
        assert_eq!(cluster.nodes()[old].command(&["SET", "key", "lost"]).text(), "OK");
        eventually(|| cluster.primary_of(slot) == replica);
        assert_eq!(cluster.nodes()[replica].command(&["GET", "key"]).text(), "before");
        // By then it has detected that it is in the minority.
        eventually(|| matches!(cluster.nodes()[old].command(&["SET", "key", "lost"]), Reply::Error(_)));
        cluster.heal();
        cluster.wait_until_ok();
        assert_eq!(cluster.replicas_of(replica), [old]);
        assert_eq!(cluster.primary(slot).command(&["GET", "key"]).text(), "before");
    }
}

#[test]
fn a_cluster_has_tls_passwords_and_an_append_only_file_on_every_node() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = ServerOptions {
        tls: Some(tls(folder.path())),
        password: Some("secret".to_owned()),
        append_only: true,
        ..ServerOptions::default()
    };
    let cluster = Cluster::start(&ClusterOptions { node, replicas: 1, ..ClusterOptions::default() });
    assert!(cluster.urls().iter().all(|url| url.starts_with("rediss://127.0.0.1:")), "{:?}", cluster.urls());
    let slot = cluster.slot_of("key");
    set_at_replicas(cluster.primary(slot), "key", "value", 1);
    cluster.move_slot(slot, (cluster.primary_of(slot) + 1) % 3);
    for node in cluster.nodes() {
        node.restart();
    }
    cluster.wait_until_ok();
    assert_eq!(cluster.primary(slot).command(&["GET", "key"]).text(), "value");
}
