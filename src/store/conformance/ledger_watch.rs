//! Signals to watchers of a kind of ledger entries.

use std::time::Duration;

use super::{
    Harness,
    sample::{NO_LIMIT, TTL, entry, ledger_key, ledger_kind, registration},
    watch::{SILENCE, is_silent, next},
};

const MINUTE: Duration = Duration::from_secs(60);

/// Watchers are signaled when an entry is created, changed or removed.
pub(crate) async fn every_change_of_an_entry_is_signaled_to_watchers_of_its_kind(harness: &impl Harness) {
    let (ledger, key) = (harness.store().ledger, ledger_key("kind", "name"));
    let mut signals = ledger.watch(ledger_kind("kind")).await.expect("the store works");
    ledger.put_if_absent(&key, entry("first", None)).await.expect("the store works");
    assert_eq!(next(&mut signals).await, Some(()));
    let found = ledger.get(&key).await.expect("the store works");
    assert_eq!(found, Some(entry("first", None)), "the signal follows the change");
    assert!(ledger.swap(&key, Some(b"first"), Some(entry("second", None))).await.expect("the store works"));
    assert_eq!(next(&mut signals).await, Some(()));
    assert!(ledger.swap(&key, Some(b"second"), None).await.expect("the store works"));
    assert_eq!(next(&mut signals).await, Some(()));
    assert!(ledger.lease(&key, b"holder", MINUTE).await.expect("the store works"));
    assert_eq!(next(&mut signals).await, Some(()));
}

/// Storing an entry together with a record signals like any other change.
pub(crate) async fn an_entry_stored_with_a_record_is_signaled(harness: &impl Harness) {
    let store = harness.store();
    let mut signals = store.ledger.watch(ledger_kind("kind")).await.expect("the store works");
    let record = registration(harness.time().read(), "CODE", TTL);
    let key = ledger_key("kind", "name");
    let with = Some((&key, entry("value", Some(harness.time().read() + MINUTE))));
    store.codes.insert_if_absent(&record, NO_LIMIT, with).await.expect("the store works");
    assert_eq!(next(&mut signals).await, Some(()));
}

/// Watchers are not signaled unless an entry of the kind changes. Expiry is not signaled, because its time is known.
pub(crate) async fn other_kinds_and_refused_commands_are_not_signaled(harness: &impl Harness) {
    let (ledger, key) = (harness.store().ledger, ledger_key("kind", "name"));
    let short = entry("value", Some(harness.time().read() + MINUTE));
    ledger.put_if_absent(&key, short).await.expect("the store works");
    let mut signals = ledger.watch(ledger_kind("kind")).await.expect("the store works");
    ledger.put_if_absent(&ledger_key("kind_of_another", "name"), entry("x", None)).await.expect("works");
    ledger.put_if_absent(&ledger_key("kin", "dname"), entry("x", None)).await.expect("the store works");
    assert!(ledger.put_if_absent(&key, entry("other", None)).await.expect("the store works").is_some());
    assert!(!ledger.swap(&key, Some(b"other"), None).await.expect("the store works"));
    assert!(!ledger.lease(&key, b"holder", MINUTE).await.expect("the store works"));
    assert!(ledger.swap(&ledger_key("kind", "nothing"), None, None).await.expect("the store works"));
    harness.time().pass(MINUTE * 2).await;
    assert!(is_silent(&mut signals).await);
}

/// However many changes a watcher has missed, it has one pending signal.
pub(crate) async fn a_slow_watcher_of_a_kind_has_at_most_one_pending_signal(harness: &impl Harness) {
    let ledger = harness.store().ledger;
    let mut signals = ledger.watch(ledger_kind("kind")).await.expect("the store works");
    for index in 0..5 {
        let key = ledger_key("kind", &index.to_string());
        ledger.put_if_absent(&key, entry("value", None)).await.expect("the store works");
    }
    // Some signals may still be in transit.
    tokio::time::sleep(SILENCE).await;
    assert_eq!(next(&mut signals).await, Some(()));
    assert!(is_silent(&mut signals).await);
}

/// Closing the store ends the stream of signals.
pub(crate) async fn a_watch_of_a_kind_ends_when_the_store_closes(harness: &impl Harness) {
    let store = harness.store();
    let mut signals = store.ledger.watch(ledger_kind("kind")).await.expect("the store works");
    store.health.close().await.expect("closes");
    assert_eq!(next(&mut signals).await, None);
}
