//! Closing and reopening a store.

use futures_util::StreamExt;

use super::{
    Harness,
    sample::{NO_LIMIT, TTL, entry, insert, ledger_key, ledger_kind, registration},
};
use crate::domain::{
    error::StoreError,
    port::{Insertion, StoreResult},
    registration_code::CodeState,
};

/// Acknowledged writes exist after a reopen.
pub(crate) async fn acknowledged_writes_survive_a_reopen(harness: &impl Harness) {
    let live = insert(harness, "LIVE").await;
    let released = insert(harness, "RELEASED").await;
    let store = harness.store();
    assert!(store.codes.release(&released.key(), released.id).await.expect("the store works"));
    let lasting = ledger_key("kind", "lasting");
    store.ledger.put_if_absent(&lasting, entry("value", None)).await.expect("the store works");
    let short = ledger_key("kind", "short");
    let short_entry = entry("value", Some(harness.time().read() + TTL));
    store.ledger.put_if_absent(&short, short_entry.clone()).await.expect("the store works");
    if !harness.reopen().await {
        return;
    }
    let store = harness.store();
    for (registration, state) in [(live, CodeState::Pending), (released, CodeState::Released)] {
        let entry = store.codes.get(&registration.key()).await.expect("the store works").expect("there");
        assert_eq!((entry.state(harness.time().read()), &entry.registration), (state, &registration));
        let again =
            store.codes.insert_if_absent(&registration, NO_LIMIT, None).await.expect("the store works");
        assert_eq!(again, Insertion::Taken);
    }
    assert_eq!(store.ledger.get(&lasting).await.expect("the store works"), Some(entry("value", None)));
    assert_eq!(store.ledger.get(&short).await.expect("the store works"), Some(short_entry));
}

/// A closed store refuses every call. Closing it again succeeds.
pub(crate) async fn a_closed_store_refuses_all_calls(harness: &impl Harness) {
    let store = harness.store();
    let present = insert(harness, "CODE").await;
    let (key, id) = (present.key(), present.id);
    store.health.check().await.expect("the store works");
    store.health.close().await.expect("closes");
    store.health.close().await.expect("closes again");
    let name = ledger_key("kind", "name");
    refused(store.health.check().await);
    refused(
        store.codes.insert_if_absent(&registration(harness.time().read(), "NEW", TTL), NO_LIMIT, None).await,
    );
    refused(store.codes.get(&key).await);
    refused(store.codes.release(&key, id).await);
    refused(store.codes.watch(&key).await.map(drop));
    refused(store.codes.live_codes().await);
    refused(store.codes.scan().next().await.expect("an error item"));
    refused(store.ledger.put_if_absent(&name, entry("value", None)).await);
    refused(store.ledger.get(&name).await);
    refused(store.ledger.swap(&name, None, None).await);
    refused(store.ledger.lease(&name, b"holder", TTL).await);
    refused(store.ledger.watch(ledger_kind("kind")).await.map(drop));
    refused(store.ledger.scan(ledger_kind("kind")).next().await.expect("an error item"));
}

fn refused<T>(outcome: StoreResult<T>) {
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "a closed store must refuse");
}

/// A command before the close is completed or refused, but never acknowledged and then lost.
pub(crate) async fn commands_before_a_close_are_completed_or_refused(harness: &impl Harness) {
    let store = harness.store();
    let mut tasks = Vec::new();
    for index in 0..100 {
        let (codes, registration) =
            (store.codes.clone(), registration(harness.time().read(), &format!("C{index}"), TTL));
        tasks.push(tokio::spawn(async move {
            let insertion = codes.insert_if_absent(&registration, NO_LIMIT, None).await;
            insertion.is_ok_and(|insertion| insertion == Insertion::Inserted).then_some(registration)
        }));
    }
    tokio::task::yield_now().await;
    store.health.close().await.expect("closes");
    let mut stored = Vec::new();
    for task in tasks {
        stored.extend(task.await.expect("the task ends"));
    }
    if harness.reopen().await {
        for registration in stored {
            let entry = harness.store().codes.get(&registration.key()).await.expect("the store works");
            assert_eq!(entry.expect("there").registration, registration);
        }
    }
}
