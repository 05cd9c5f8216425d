//! Tests of the removal of trials, and of the records that it reads.

use std::{sync::PoisonError, time::Duration};

use fjall::{AbstractTree, UserKey};

use super::{
    super::{
        trial_expiry::{RemoveExpiredTrials, RemoveStaleTrials, ended_keys, expired_rows},
        trial_key::{TrialKey, parse_trial_key},
    },
    EmbeddedHarness, EmbeddedStore, Harness, eventually,
};
use crate::{
    domain::{
        clock::Clock,
        id::DeviceId,
        port::{Authorization, Trials},
        temp_pass::{ResetTarget, TempPassRule, TrialApplication},
    },
    store::conformance::trials::{PROMOTIONAL, generic_key, identity, new_id, resource, temp_pass},
};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A year and a hundred resources, which fill several rows.
const LONG: TempPassRule = TempPassRule {
    ttl: Duration::from_secs(365 * 24 * 3_600),
    max_resources: Some(100),
    retention: Duration::ZERO,
};

/// No limit.
const ALL: usize = usize::MAX;

async fn authorize(store: &EmbeddedStore, rule: TempPassRule, device: &str, key: u8, what: &str) {
    let authorization = Authorization {
        temp_pass: temp_pass("TempPassREF"),
        rule,
        identity: identity(device, Some(key)),
        application: TrialApplication::default(),
        resource: resource(what),
        new_id: new_id(),
    };
    assert_eq!(store.authorize(authorization).await.expect("works").denial, None);
}

async fn use_resources(store: &EmbeddedStore, rule: TempPassRule, device: &str, key: u8, count: usize) {
    for index in 0..count {
        authorize(store, rule, device, key, &format!("resource {index}")).await;
    }
}

async fn reset(store: &EmbeddedStore, target: ResetTarget) {
    store.reset(&temp_pass("TempPassREF"), &target, &TrialApplication::default()).await.expect("works");
}

fn device(id: &str) -> ResetTarget {
    ResetTarget::Device(DeviceId::parse("device_id", id).expect("valid"))
}

/// The keys of the trials keyspace, except those of generation counters.
fn rows(store: &EmbeddedStore) -> Vec<UserKey> {
    let engine = store.core.engine.load_full().expect("open");
    let keys = engine.trials.iter().map(|guard| guard.key().expect("readable"));
    keys.filter(|key| key.first() != Some(&b'g')).collect()
}

/// Removes everything that may be removed now.
async fn remove_all(harness: &EmbeddedHarness) {
    let store = harness.embedded();
    let engine = store.core.engine.load_full().expect("open");
    let rows = expired_rows(&engine, harness.clock.now(), None, ALL).expect("readable");
    let keys = ended_keys(&engine, None, ALL).expect("readable");
    drop(engine);
    store.submit(RemoveExpiredTrials { rows, expired_by: harness.clock.now() }).await.expect("works");
    store.submit(RemoveStaleTrials { keys }).await.expect("works");
}

#[tokio::test]
async fn finding_forgotten_trials_reads_no_live_trial() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    for index in 0..100 {
        authorize(&store, LONG, &format!("long {index}"), 1, "one").await;
    }
    for index in 0..20 {
        authorize(&store, PROMOTIONAL, &format!("short {index}"), 2, "one").await;
    }
    let before = rows(&store);
    harness.clock.advance(PROMOTIONAL.ttl + PROMOTIONAL.retention + DAY);
    let engine = store.core.engine.load_full().expect("open");
    engine.trial_reads.lock().unwrap_or_else(PoisonError::into_inner).clear();
    remove_all(&harness).await;
    let after = rows(&store);
    // For each of the 20 devices: its binding and its index row. Also the key and the trial, with their index rows.
    assert_eq!(before.len() - after.len(), 20 * 2 + 2 + 2);
    let reads = engine.trial_reads.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(!reads.is_empty());
    let read: Vec<_> = reads.iter().filter(|key| after.contains(key)).collect();
    assert!(read.is_empty(), "{read:?}");
}

#[tokio::test]
async fn a_forgotten_trial_leaves_no_records() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    let rule = TempPassRule { max_resources: Some(100), ..PROMOTIONAL };
    use_resources(&store, rule, "a", 1, 40).await;
    authorize(&store, rule, "bound later", 1, "one more").await;
    harness.clock.advance(rule.ttl + rule.retention);
    remove_all(&harness).await;
    assert!(rows(&store).len() > 8, "the day is not over");
    harness.clock.advance(DAY);
    harness.reopen().await;
    remove_all(&harness).await;
    assert_eq!(rows(&harness.embedded()), [] as [UserKey; 0]);
}

#[tokio::test]
async fn a_device_with_a_new_trial_keeps_its_binding() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    authorize(&store, PROMOTIONAL, "a", 1, "one").await;
    harness.clock.advance(PROMOTIONAL.ttl + PROMOTIONAL.retention);
    authorize(&store, LONG, "a", 1, "one").await;
    harness.clock.advance(DAY);
    remove_all(&harness).await;
    let trial = Trials::get(&store, &temp_pass("TempPassREF"), &LONG, &identity("a", Some(1))).await;
    assert_eq!(trial.expect("works").used_resources.len(), 1);
    assert_eq!(rows(&store).len(), 6, "a trial, two bindings, and an index row for each");
}

#[tokio::test]
async fn a_clock_that_goes_back_between_search_and_removal_removes_nothing() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    authorize(&store, PROMOTIONAL, "a", 1, "one").await;
    let (before, start) = (rows(&store), harness.clock.now());
    harness.clock.advance(PROMOTIONAL.ttl + PROMOTIONAL.retention + DAY);
    let engine = store.core.engine.load_full().expect("open");
    let expired = expired_rows(&engine, harness.clock.now(), None, ALL).expect("readable");
    assert_eq!(expired.len(), 3);
    let expired_by = harness.clock.now();
    harness.clock.step_to(start);
    store.submit(RemoveExpiredTrials { rows: expired, expired_by }).await.expect("works");
    assert_eq!(rows(&store), before);
}

#[tokio::test]
async fn a_clock_that_steps_forward_between_search_and_removal_removes_no_live_trial() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    authorize(&store, PROMOTIONAL, "a", 1, "one").await;
    harness.time().pass(PROMOTIONAL.ttl + PROMOTIONAL.retention + DAY).await;
    let engine = store.core.engine.load_full().expect("open");
    let expired_by = harness.clock.now();
    let rows = expired_rows(&engine, expired_by, None, ALL).expect("readable");
    assert_eq!(rows.len(), 3);
    authorize(&store, PROMOTIONAL, "a", 1, "two").await;
    harness.clock.step_to(expired_by + (PROMOTIONAL.ttl + PROMOTIONAL.retention + DAY) * 2);
    store.submit(RemoveExpiredTrials { rows, expired_by }).await.expect("works");
    harness.clock.step_to(expired_by);
    let trial = Trials::get(&store, &temp_pass("TempPassREF"), &PROMOTIONAL, &identity("a", Some(1))).await;
    assert_eq!(trial.expect("works").used_resources.len(), 1);
}

#[tokio::test]
async fn a_reset_leaves_only_the_other_binding_to_the_expiry_index() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    use_resources(&store, LONG, "a", 1, 40).await;
    reset(&store, device("a")).await;
    let left = rows(&store);
    let is_key = |key: &UserKey| matches!(parse_trial_key(key), Ok(TrialKey::Binding(..)));
    assert_eq!((left.len(), left.iter().filter(|key| is_key(key)).count()), (2, 1), "{left:?}");
    harness.clock.advance(LONG.ttl + DAY);
    remove_all(&harness).await;
    assert_eq!(rows(&store), [] as [UserKey; 0]);
}

#[tokio::test]
async fn an_ended_generation_is_removed_in_bounded_steps_and_no_live_trial_is_read() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    for index in 0..5 {
        use_resources(&store, LONG, &format!("{index}"), index, 20).await;
    }
    authorize(&store, LONG, "bound later", 1, "one").await;
    reset(&store, ResetTarget::All).await;
    reset(&store, ResetTarget::All).await;
    let ended = rows(&store).len();
    use_resources(&store, LONG, "0", 0, 20).await;
    harness.reopen().await;

    let store = harness.embedded();
    let engine = store.core.engine.load_full().expect("open");
    let (mut after, mut steps) = (None, 0);
    loop {
        let keys = ended_keys(&engine, after.as_ref(), 4).expect("readable");
        assert!(keys.len() <= 4);
        let Some(last) = keys.last() else { break };
        (after, steps) = (Some(last.clone()), steps + 1);
        store.submit(RemoveStaleTrials { keys }).await.expect("works");
    }
    // Eleven bindings, five trials, and the marks of two generations.
    assert!((5..=7).contains(&steps), "{steps} steps");
    let left = rows(&store);
    assert_eq!(left.len(), 7, "{ended} are removed, and the new trial remains");
    let reads = engine.trial_reads.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(!left.iter().any(|key| reads.contains(key)));
    let trial = Trials::get(&store, &temp_pass("TempPassREF"), &LONG, &identity("0", Some(0))).await;
    assert_eq!(trial.expect("works").used_resources.len(), 20);
}

#[tokio::test]
async fn an_unreadable_trial_does_not_prevent_the_removal_of_others() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    authorize(&store, PROMOTIONAL, "a", 1, "one").await;
    let engine = store.core.engine.load_full().expect("open");
    let trial = rows(&store).into_iter().find(|key| matches!(parse_trial_key(key), Ok(TrialKey::Trial(..))));
    engine.trials.insert(trial.expect("a trial"), b"what").expect("written");
    let mut second = identity("b", Some(2));
    second.generic_key = Some(generic_key(2));
    authorize(&store, PROMOTIONAL, "b", 2, "one").await;
    harness.clock.advance(PROMOTIONAL.ttl + PROMOTIONAL.retention + DAY);
    remove_all(&harness).await;
    assert_eq!(rows(&store).len(), 6, "the records of the unreadable trial");
    reset(&store, ResetTarget::All).await;
    remove_all(&harness).await;
    assert_eq!(rows(&store).len(), 3, "only its index rows remain");
}

#[tokio::test]
async fn the_cleanup_task_removes_forgotten_trials_and_ended_generations() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    authorize(&store, PROMOTIONAL, "a", 1, "one").await;
    reset(&store, ResetTarget::All).await;
    use_resources(&store, PROMOTIONAL, "a", 1, 2).await;
    harness.clock.advance(PROMOTIONAL.ttl + PROMOTIONAL.retention + DAY);
    eventually(|| rows(&store).is_empty()).await;
}

#[tokio::test]
async fn the_filters_of_trials_stay_in_memory() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    for index in 0..100 {
        authorize(&store, LONG, &format!("{index}"), 1, "one").await;
    }
    let engine = store.core.engine.load_full().expect("open");
    engine.trials.rotate_memtable_and_wait().expect("written out");
    // Most trials end up in compacted tables. By default, only the filters of new tables stay in memory.
    engine.trials.major_compact().expect("compacted");
    drop((engine, store));
    harness.reopen().await;
    let engine = harness.embedded().core.engine.load_full().expect("open");
    assert_eq!((engine.trials.table_count(), engine.trials.l0_table_count()), (1, 0));
    assert!(engine.trials.tree.pinned_filter_size() > 0);
    assert!(engine.trials.tree.pinned_block_index_size() > 0);
}
