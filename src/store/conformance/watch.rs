//! Signals to watchers of a code.

use std::time::Duration;

use futures_util::StreamExt;
use uuid::Uuid;

use super::{
    Harness,
    sample::{TTL, insert, registration, try_insert},
};
use crate::domain::{
    port::{Insertion, Signals},
    registration_code::QUARANTINE,
};

/// Longer than any store takes to signal an acknowledged change.
const PATIENCE: Duration = Duration::from_secs(10);

/// Long enough for an unexpected signal to arrive.
pub(super) const SILENCE: Duration = Duration::from_millis(200);

pub(super) async fn next(signals: &mut Signals) -> Option<()> {
    tokio::time::timeout(PATIENCE, signals.next()).await.expect("a signal, or the end, in time")
}

pub(super) async fn is_silent(signals: &mut Signals) -> bool {
    tokio::time::timeout(SILENCE, signals.next()).await.is_err()
}

/// Watchers of a code are signaled when it is released.
pub(crate) async fn a_release_is_signaled(harness: &impl Harness) {
    let codes = harness.store().codes;
    let registration = insert(harness, "CODE").await;
    let mut signals = codes.watch(&registration.key()).await.expect("the store works");
    assert!(codes.release(&registration.key(), registration.id).await.expect("the store works"));
    assert_eq!(next(&mut signals).await, Some(()));
    let entry = codes.get(&registration.key()).await.expect("the store works").expect("a tombstone");
    assert!(entry.release_time.is_some(), "the signal follows the change");
}

/// Watchers of a code are signaled when a new record gets it.
pub(crate) async fn reuse_of_a_code_is_signaled(harness: &impl Harness) {
    let old = insert(harness, "CODE").await;
    let mut signals = harness.store().codes.watch(&old.key()).await.expect("the store works");
    harness.time().pass(TTL + QUARANTINE).await;
    insert(harness, "CODE").await;
    assert_eq!(next(&mut signals).await, Some(()));
}

/// Watchers of a code are not signaled unless it changes.
pub(crate) async fn changes_of_other_codes_and_refused_commands_are_not_signaled(harness: &impl Harness) {
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

/// However many changes a watcher has missed, it has one pending signal.
pub(crate) async fn a_slow_watcher_has_at_most_one_pending_signal(harness: &impl Harness) {
    let codes = harness.store().codes;
    let watched = registration(harness.time().read(), "CODE", TTL);
    let mut signals = codes.watch(&watched.key()).await.expect("the store works");
    for _ in 0..5 {
        let registration = insert(harness, "CODE").await;
        assert!(codes.release(&registration.key(), registration.id).await.expect("the store works"));
        harness.time().pass(TTL + QUARANTINE).await;
    }
    // Some signals may still be in transit.
    tokio::time::sleep(SILENCE).await;
    assert_eq!(next(&mut signals).await, Some(()));
    assert!(is_silent(&mut signals).await);
}

/// Every watcher is signaled, even after another one has left.
pub(crate) async fn all_watchers_of_a_code_are_signaled(harness: &impl Harness) {
    let codes = harness.store().codes;
    let registration = insert(harness, "CODE").await;
    let mut first = codes.watch(&registration.key()).await.expect("the store works");
    let mut second = codes.watch(&registration.key()).await.expect("the store works");
    drop(codes.watch(&registration.key()).await.expect("the store works"));
    assert!(codes.release(&registration.key(), registration.id).await.expect("the store works"));
    assert_eq!(next(&mut first).await, Some(()));
    assert_eq!(next(&mut second).await, Some(()));
}

/// Closing the store ends the stream of signals.
pub(crate) async fn a_watch_ends_when_the_store_closes(harness: &impl Harness) {
    let store = harness.store();
    let registration = insert(harness, "CODE").await;
    let mut signals = store.codes.watch(&registration.key()).await.expect("the store works");
    store.health.close().await.expect("closes");
    assert_eq!(next(&mut signals).await, None);
}
