//! Tests of calls while slots move.

use std::time::Duration;

use futures_util::StreamExt;
use test_engine::{Cluster, ClusterOptions, SLOTS};

use super::{nodes, real_options};
use crate::{
    domain::{
        clock::{Clock, SystemClock},
        port::{Codes, Insertion, Ledger},
        registration_code::{CodeKey, RegistrationCode},
    },
    store::{
        conformance::sample,
        redis::{RedisStore, key},
    },
};

/// Longer than any expected event takes, and shorter than the interval at which watchers read without a signal.
const PATIENCE: Duration = Duration::from_secs(30);

/// Three primaries, and a store over them.
async fn sharded() -> (Cluster, RedisStore) {
    let cluster = Cluster::start(&ClusterOptions { primaries: 3, replicas: 1, ..ClusterOptions::default() });
    let store = RedisStore::open(real_options(nodes(cluster.nodes()))).await.expect("opens");
    (cluster, store)
}

fn slot_of(key: &CodeKey) -> u16 {
    let tag = format!("{}/{}/{}", key.environment, key.requestor, key.code.as_str());
    crc16::State::<crc16::XMODEM>::calculate(tag.as_bytes()) % SLOTS
}

/// Records of codes in one slot.
fn records_of_one_slot(count: usize) -> Vec<RegistrationCode> {
    let now = SystemClock.now();
    let record = |number: u32| sample::registration(now, &format!("N{number}"), sample::TTL);
    let slot = slot_of(&record(0).key());
    (0..).map(record).filter(|record| slot_of(&record.key()) == slot).take(count).collect()
}

async fn insert(store: &RedisStore, record: &RegistrationCode) {
    let inserted = store.insert_if_absent(record, sample::NO_LIMIT, None).await.expect("the store works");
    assert_eq!(inserted, Insertion::Inserted);
}

async fn is_live(store: &RedisStore, record: &RegistrationCode) -> bool {
    let entry = Codes::get(store, &record.key()).await.expect("the store works");
    entry.is_some_and(|entry| entry.release_time.is_none())
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_of_a_moving_slot_can_be_created_read_watched_and_deleted() {
    let (cluster, store) = sharded().await;
    let records = records_of_one_slot(12);
    let (stored, new) = records.split_at(8);
    for record in stored {
        insert(&store, record).await;
    }
    let slot = cluster.slot_of(&key::code(&records[0].key())[0]);
    assert_eq!(slot, slot_of(&records[0].key()));
    let from = cluster.primary_of(slot);
    let to = (0..3).find(|node| *node != from).expect("another");
    let mut watched = Vec::new();
    for record in stored {
        watched.push(Codes::watch(&store, &record.key()).await.expect("watches"));
    }

    // The phases: the move has begun, some keys are moved, all keys are moved, and the move is finished.
    let moving = std::cell::RefCell::new(None);
    let phases: [&dyn Fn(); 4] = [
        &|| *moving.borrow_mut() = Some(cluster.begin_move(slot, to)),
        &|| assert_eq!(moving.borrow().as_ref().expect("is moving").move_keys(4), 4),
        &|| assert!(moving.borrow().as_ref().expect("is moving").move_keys(1_000) > 0),
        &|| moving.take().expect("is moving").finish(),
    ];
    let mut signals = watched.into_iter();
    for (phase, advance) in phases.iter().enumerate() {
        advance();
        for record in &stored[2 * phase..] {
            assert!(is_live(&store, record).await, "in phase {phase}");
        }
        insert(&store, &new[phase]).await;
        assert!(is_live(&store, &new[phase]).await, "in phase {phase}");
        for record in &stored[2 * phase..2 * phase + 2] {
            let mut signals = signals.next().expect("one for each");
            // Skip the signals caused by the move itself.
            while let Some(Some(())) = futures_util::FutureExt::now_or_never(signals.next()) {}
            assert!(store.release(&record.key(), record.id).await.expect("the store works"));
            let signal = tokio::time::timeout(PATIENCE, signals.next()).await;
            assert!(matches!(signal, Ok(Some(()))), "no signal in phase {phase}");
            assert!(!is_live(&store, record).await, "in phase {phase}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_a_moving_slot_can_be_changed() {
    let (cluster, store) = sharded().await;
    let key = sample::ledger_key("secret", "first");
    let slot = cluster.slot_of(key::ledger(&key));
    let to = (0..3).find(|node| *node != cluster.primary_of(slot)).expect("another");
    let swap = async |before: Option<&str>, after: Option<&str>| {
        let after = after.map(|value| sample::entry(value, None));
        store.swap(&key, before.map(str::as_bytes), after).await.expect("the store works")
    };
    assert!(swap(None, Some("0")).await);
    let moving = cluster.begin_move(slot, to);
    assert!(swap(Some("0"), Some("1")).await);
    moving.move_keys(1_000);
    assert!(swap(Some("1"), Some("2")).await);
    moving.finish();
    assert!(swap(Some("2"), None).await);
    assert_eq!(Ledger::get(&store, &key).await.expect("the store works"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_a_trial_waits_until_its_slot_has_moved() {
    let (cluster, store) = sharded().await;
    let (cell, now) = store.read_cell(b"pb:d:e/r/m:{device}".to_vec()).await.expect("the store works");
    let slot = cluster.slot_of(&cell.key);
    let to = (0..3).find(|node| *node != cluster.primary_of(slot)).expect("another");
    let next = Some((b"trial".to_vec(), now + sample::TTL));
    assert!(store.change_cells(&[(cell.clone(), next)], now).await.expect("the store works"));
    let moving = cluster.begin_move(slot, to);
    let reading = tokio::spawn({
        let (store, key) = (store.clone(), cell.key.clone());
        async move { store.read_cell(key).await }
    });
    moving.finish();
    let (read, _) = reading.await.expect("ends").expect("it waits");
    assert_eq!(read.value.as_deref(), Some(b"trial".as_slice()));
    let gone = store.change_cells(&[(read, None)], now).await.expect("the store works");
    assert!(gone);
}
