//! Signals to those who watch a kind of ledger entries.

use std::time::Duration;

use super::{
    Harness,
    sample::{NO_LIMIT, TTL, entry, ledger_key, ledger_kind, registration},
    watch::{SILENCE, is_silent, next},
};

const MINUTE: Duration = Duration::from_secs(60);

/// Who watches learns of each entry that comes, changes or goes.
pub(crate) async fn each_change_of_an_entry_of_the_kind_is_signalled(harness: &impl Harness) {
    let (ledger, key) = (harness.store().ledger, ledger_key("kind", "name"));
    let mut signals = ledger.watch(ledger_kind("kind")).await.expect("the store works");
    ledger.put_if_absent(&key, entry("first", None)).await.expect("the store works");
    assert_eq!(next(&mut signals).await, Some(()));
    let found = ledger.get(&key).await.expect("the store works");
    assert_eq!(found, Some(entry("first", None)), "a signal comes after what it signals");
    assert!(ledger.swap(&key, Some(b"first"), Some(entry("second", None))).await.expect("the store works"));
    assert_eq!(next(&mut signals).await, Some(()));
    assert!(ledger.swap(&key, Some(b"second"), None).await.expect("the store works"));
    assert_eq!(next(&mut signals).await, Some(()));
    assert!(ledger.lease(&key, b"holder", MINUTE).await.expect("the store works"));
    assert_eq!(next(&mut signals).await, Some(()));
}

/// It does not matter by which way an entry comes.
pub(crate) async fn an_entry_that_is_stored_with_a_record_is_signalled(harness: &impl Harness) {
    let store = harness.store();
    let mut signals = store.ledger.watch(ledger_kind("kind")).await.expect("the store works");
    let record = registration(harness.time().read(), "CODE", TTL);
    let key = ledger_key("kind", "name");
    let with = Some((&key, entry("value", Some(harness.time().read() + MINUTE))));
    store.codes.insert_if_absent(&record, NO_LIMIT, with).await.expect("the store works");
    assert_eq!(next(&mut signals).await, Some(()));
}

/// What does not change an entry of the kind is not signalled; an end has a time that is known.
pub(crate) async fn other_kinds_and_what_changes_nothing_are_not_signalled(harness: &impl Harness) {
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

/// However many changes a watcher did not look at, it has one signal to look at.
pub(crate) async fn a_slow_watcher_of_a_kind_holds_one_signal(harness: &impl Harness) {
    let ledger = harness.store().ledger;
    let mut signals = ledger.watch(ledger_kind("kind")).await.expect("the store works");
    for index in 0..5 {
        let key = ledger_key("kind", &index.to_string());
        ledger.put_if_absent(&key, entry("value", None)).await.expect("the store works");
    }
    // A store whose signals travel may still have some on the way.
    tokio::time::sleep(SILENCE).await;
    assert_eq!(next(&mut signals).await, Some(()));
    assert!(is_silent(&mut signals).await);
}

/// Nobody waits for a store that is gone.
pub(crate) async fn a_watch_of_a_kind_ends_when_the_store_closes(harness: &impl Harness) {
    let store = harness.store();
    let mut signals = store.ledger.watch(ledger_kind("kind")).await.expect("the store works");
    store.health.close().await.expect("closes");
    assert_eq!(next(&mut signals).await, None);
}
