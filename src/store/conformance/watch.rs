//! Signals to those who watch a code.

use std::time::Duration;

use futures_util::StreamExt;
use uuid::Uuid;

use super::{
    Harness,
    sample::{TTL, insert, registration, try_insert},
};
use crate::domain::{
    port::{Insertion, Signals},
    registration::QUARANTINE,
};

/// Longer than any store takes to signal what it has acknowledged.
const PATIENCE: Duration = Duration::from_secs(10);

/// Long enough for a signal that should not be to show up.
pub(super) const SILENCE: Duration = Duration::from_millis(200);

pub(super) async fn next(signals: &mut Signals) -> Option<()> {
    tokio::time::timeout(PATIENCE, signals.next()).await.expect("a signal, or the end, in time")
}

pub(super) async fn is_silent(signals: &mut Signals) -> bool {
    tokio::time::timeout(SILENCE, signals.next()).await.is_err()
}

/// Who watches a code learns that it was released.
pub(crate) async fn a_release_is_signalled(harness: &impl Harness) {
    let codes = harness.store().codes;
    let registration = insert(harness, "CODE").await;
    let mut signals = codes.watch(&registration.key()).await.expect("the store works");
    assert!(codes.release(&registration.key(), registration.id).await.expect("the store works"));
    assert_eq!(next(&mut signals).await, Some(()));
    let entry = codes.get(&registration.key()).await.expect("the store works").expect("a tombstone");
    assert!(entry.release_time.is_some(), "a signal comes after what it signals");
}

/// Who watches a code learns that another has it now.
pub(crate) async fn the_use_of_a_code_for_a_new_record_is_signalled(harness: &impl Harness) {
    let old = insert(harness, "CODE").await;
    let mut signals = harness.store().codes.watch(&old.key()).await.expect("the store works");
    harness.time().pass(TTL + QUARANTINE).await;
    insert(harness, "CODE").await;
    assert_eq!(next(&mut signals).await, Some(()));
}

/// What does not change a code is not signalled to who watches it.
pub(crate) async fn other_codes_and_refused_commands_are_not_signalled(harness: &impl Harness) {
    let codes = harness.store().codes;
    let watched = insert(harness, "WATCHED").await;
    let mut signals = codes.watch(&watched.key()).await.expect("the store works");
    let other = insert(harness, "OTHER").await;
    assert!(codes.release(&other.key(), other.id).await.expect("the store works"));
    assert!(!codes.release(&watched.key(), Uuid::from_u128(1)).await.expect("the store works"));
    let again = registration(harness.time().read(), "WATCHED", TTL);
    assert_eq!(try_insert(harness, again).await, Insertion::Taken);
    assert!(is_silent(&mut signals).await);
}

/// However many changes a watcher did not look at, it has one signal to look at.
pub(crate) async fn a_slow_watcher_holds_one_signal(harness: &impl Harness) {
    let codes = harness.store().codes;
    let watched = registration(harness.time().read(), "CODE", TTL);
    let mut signals = codes.watch(&watched.key()).await.expect("the store works");
    for _ in 0..5 {
        let registration = insert(harness, "CODE").await;
        assert!(codes.release(&registration.key(), registration.id).await.expect("the store works"));
        harness.time().pass(TTL + QUARANTINE).await;
    }
    // A store whose signals travel may still have some on the way.
    tokio::time::sleep(SILENCE).await;
    assert_eq!(next(&mut signals).await, Some(()));
    assert!(is_silent(&mut signals).await);
}

/// A signal is for each who watches, and one who leaves takes nobody along.
pub(crate) async fn all_watchers_of_a_code_are_signalled(harness: &impl Harness) {
    let codes = harness.store().codes;
    let registration = insert(harness, "CODE").await;
    let mut first = codes.watch(&registration.key()).await.expect("the store works");
    let mut second = codes.watch(&registration.key()).await.expect("the store works");
    drop(codes.watch(&registration.key()).await.expect("the store works"));
    assert!(codes.release(&registration.key(), registration.id).await.expect("the store works"));
    assert_eq!(next(&mut first).await, Some(()));
    assert_eq!(next(&mut second).await, Some(()));
}

/// Nobody waits for a store that is gone.
pub(crate) async fn a_watch_ends_when_the_store_closes(harness: &impl Harness) {
    let store = harness.store();
    let registration = insert(harness, "CODE").await;
    let mut signals = store.codes.watch(&registration.key()).await.expect("the store works");
    store.health.close().await.expect("closes");
    assert_eq!(next(&mut signals).await, None);
}
