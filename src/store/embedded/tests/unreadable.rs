//! Tests with records that cannot be decoded.

use fjall::UserKey;

use super::{
    super::{engine::EmbeddedEngine, record},
    EmbeddedHarness, NO_LIMIT, TTL, entry, ledger_key, registration,
};
use crate::{
    domain::{
        clock::Clock,
        error::StoreError,
        port::{Authorization, Codes, Insertion, Ledger, Trials},
        temp_pass::TrialApplication,
    },
    store::conformance::trials::{BASIC, identity, new_id, resource, temp_pass},
};

/// Overwrites a record with invalid bytes, in whichever keyspace it is.
fn corrupt_record(engine: &EmbeddedEngine, key: &UserKey) {
    let mut places = vec![engine.lasting.clone(), engine.trials.clone()];
    places.extend(engine.buckets().iter().map(|bucket| bucket.keyspace.clone()));
    let place = places.into_iter().find(|place| place.contains_key(key).expect("readable"));
    place.expect("a record").insert(key.clone(), b"what").expect("written");
}

fn is_corrupt<T>(outcome: Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Corrupt(_)))
}

#[tokio::test]
async fn an_unreadable_code_fails_only_its_own_calls() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    harness.insert("BAD").await.expect("works");
    harness.insert("GOOD").await.expect("works");
    let key = |code| registration(harness.clock.now(), code, TTL).key();
    let engine = store.core.engine.load_full().expect("open");
    corrupt_record(&engine, &record::code_key(&key("BAD")));
    assert!(is_corrupt(Codes::get(&store, &key("BAD")).await));
    assert!(is_corrupt(harness.insert("BAD").await), "a code that may be in use is not reissued");
    assert!(Codes::get(&store, &key("GOOD")).await.expect("works").is_some());
    assert_eq!(harness.insert("NEW").await.expect("works"), Insertion::Inserted);
}

#[tokio::test]
async fn an_unreadable_ledger_entry_fails_only_its_own_calls() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    let (bad, good) = (ledger_key("kind", "bad"), ledger_key("kind", "good"));
    for key in [&bad, &good] {
        store.put_if_absent(key, entry("x", None)).await.expect("works");
    }
    let engine = store.core.engine.load_full().expect("open");
    corrupt_record(&engine, &record::ledger_key(&bad));
    assert!(is_corrupt(Ledger::get(&store, &bad).await));
    assert!(is_corrupt(store.put_if_absent(&bad, entry("y", None)).await));
    assert!(is_corrupt(store.swap(&bad, None, Some(entry("y", None))).await));
    assert_eq!(Ledger::get(&store, &good).await.expect("works"), Some(entry("x", None)));
}

#[tokio::test]
async fn an_unreadable_trial_fails_only_its_own_calls_without_a_verdict() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    let authorize = async |device: &str| {
        let authorization = Authorization {
            temp_pass: temp_pass("TempPassREF"),
            rule: BASIC,
            identity: identity(device, None),
            application: TrialApplication::default(),
            resource: resource("one"),
            new_id: new_id(),
        };
        store.authorize(authorization).await
    };
    authorize("bad").await.expect("works");
    let engine = store.core.engine.load_full().expect("open");
    let keys = engine.trials.iter().map(|guard| guard.key().expect("readable"));
    let trial = keys.into_iter().find(|key| key.first() == Some(&b't'));
    corrupt_record(&engine, &trial.expect("a trial"));
    assert!(is_corrupt(authorize("bad").await));
    assert_eq!(authorize("good").await.expect("works").denial, None);
}

#[tokio::test]
async fn a_record_is_not_stored_if_the_entry_of_its_idempotency_key_is_unreadable() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    let (record, key) = (registration(harness.clock.now(), "CODE", TTL), ledger_key("kept", "one"));
    let kept = || Some((&key, entry("answer", None)));
    let inserted = store.insert_if_absent(&record, NO_LIMIT, kept()).await.expect("works");
    assert_eq!(inserted, Insertion::Inserted);
    let engine = store.core.engine.load_full().expect("open");
    corrupt_record(&engine, &record::ledger_key(&key));
    let other = registration(harness.clock.now(), "OTHER", TTL);
    assert!(is_corrupt(store.insert_if_absent(&other, NO_LIMIT, kept()).await));
    assert!(Codes::get(&store, &other.key()).await.expect("works").is_none(), "neither is written");
}
