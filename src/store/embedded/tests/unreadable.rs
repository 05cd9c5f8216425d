//! What becomes of records that cannot be read.

use fjall::UserKey;

use super::{
    super::{engine::Engine, record},
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

/// Puts something else in the place of a record, wherever it lies.
fn spoil(engine: &Engine, key: &UserKey) {
    let mut places = vec![engine.lasting.clone(), engine.trials.clone()];
    places.extend(engine.buckets().iter().map(|bucket| bucket.keyspace.clone()));
    let place = places.into_iter().find(|place| place.contains_key(key).expect("readable"));
    place.expect("a record").insert(key.clone(), b"what").expect("written");
}

fn is_corrupt<T>(outcome: Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Corrupt(_)))
}

#[tokio::test]
async fn a_code_that_cannot_be_read_fails_its_own_calls_and_no_others() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    harness.insert("BAD").await.expect("works");
    harness.insert("GOOD").await.expect("works");
    let key = |code| registration(harness.clock.now(), code, TTL).key();
    let engine = store.core.engine.load_full().expect("open");
    spoil(&engine, &record::code_key(&key("BAD")));
    assert!(is_corrupt(Codes::get(&store, &key("BAD")).await));
    assert!(is_corrupt(harness.insert("BAD").await), "nobody else gets a code that may be in use");
    assert!(Codes::get(&store, &key("GOOD")).await.expect("works").is_some());
    assert_eq!(harness.insert("NEW").await.expect("works"), Insertion::Inserted);
}

#[tokio::test]
async fn a_ledger_entry_that_cannot_be_read_fails_its_own_calls_and_no_others() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    let (bad, good) = (ledger_key("kind", "bad"), ledger_key("kind", "good"));
    for key in [&bad, &good] {
        store.put_if_absent(key, entry("x", None)).await.expect("works");
    }
    let engine = store.core.engine.load_full().expect("open");
    spoil(&engine, &record::ledger_key(&bad));
    assert!(is_corrupt(Ledger::get(&store, &bad).await));
    assert!(is_corrupt(store.put_if_absent(&bad, entry("y", None)).await));
    assert!(is_corrupt(store.swap(&bad, None, Some(entry("y", None))).await));
    assert_eq!(Ledger::get(&store, &good).await.expect("works"), Some(entry("x", None)));
}

#[tokio::test]
async fn a_trial_that_cannot_be_read_neither_permits_nor_denies_and_fails_nobody_else() {
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
    spoil(&engine, &trial.expect("a trial"));
    assert!(is_corrupt(authorize("bad").await));
    assert_eq!(authorize("good").await.expect("works").denial, None);
}

#[tokio::test]
async fn a_record_is_not_stored_where_its_entry_cannot_be_told_to_be_new() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    let (record, key) = (registration(harness.clock.now(), "CODE", TTL), ledger_key("kept", "one"));
    let kept = || Some((&key, entry("answer", None)));
    let inserted = store.insert_if_absent(&record, NO_LIMIT, kept()).await.expect("works");
    assert_eq!(inserted, Insertion::Inserted);
    let engine = store.core.engine.load_full().expect("open");
    spoil(&engine, &record::ledger_key(&key));
    let other = registration(harness.clock.now(), "OTHER", TTL);
    assert!(is_corrupt(store.insert_if_absent(&other, NO_LIMIT, kept()).await));
    assert!(Codes::get(&store, &other.key()).await.expect("works").is_none(), "neither of both is written");
}
