//! What the index tells, and the store while it is filled.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;

use super::{
    super::{
        engine::Engine,
        index::{BucketId, Candidates},
        indexer::Indexer,
        record,
    },
    EmbeddedHarness, EmbeddedStore, NO_LIMIT, QUARANTINE, TTL, entry, eventually, folder_bytes, ledger_key,
    registration,
};
use crate::{
    domain::{
        clock::Clock,
        port::{Codes, Insertion, Ledger, StoreHealth},
        registration::{CodeKey, State},
    },
    store::conformance::{conformance, sample::is_free},
};

/// More than the indexer takes up at a time.
const CODES: usize = 2_500;

/// A store whose index is never filled is one that asks every bucket, and does everything else alike.
mod unfilled {
    use super::*;

    conformance!(EmbeddedHarness::unindexed());
}

impl EmbeddedHarness {
    fn unindexed() -> Self {
        Self::opened_by(|options| EmbeddedStore::open_unindexed(options).expect("opens").0)
    }

    fn key(&self, code: &str) -> CodeKey {
        registration(self.clock.now(), code, TTL).key()
    }

    /// Opens the store again, and leaves it to the test to fill the index.
    async fn reopen_unindexed(&self) -> Indexer {
        self.embedded().close().await.expect("closes");
        let (store, indexer) = EmbeddedStore::open_unindexed(self.options()).expect("opens again");
        *self.store.lock().expect("not poisoned") = store;
        indexer
    }

    fn engine(&self) -> Arc<Engine> {
        self.embedded().core.engine.load_full().expect("open")
    }

    async fn state(&self, code: &str) -> Option<State> {
        let entry = Codes::get(&self.embedded(), &self.key(code)).await.expect("works")?;
        Some(entry.state(self.clock.now()))
    }

    /// Inserts many codes that begin alike, all at once, so that they share commits.
    async fn insert_all(&self, prefix: &str) {
        let insert = async |index| self.insert(&format!("{prefix}{index}")).await;
        for insertion in join_all((0..CODES).map(insert)).await {
            assert_eq!(insertion.expect("works"), Insertion::Inserted);
        }
    }

    async fn release(&self, code: &str) {
        let id = registration(self.clock.now(), code, TTL).id;
        assert!(self.embedded().release(&self.key(code), id).await.expect("works"));
    }
}

fn candidates(engine: &Engine, key: &[u8]) -> Vec<BucketId> {
    match engine.index.candidates(key) {
        Candidates::Only(buckets) => buckets.to_vec(),
        Candidates::Any => panic!("the index is not complete"),
    }
}

#[tokio::test]
async fn what_is_written_before_and_while_the_index_is_filled_is_found_all_along() {
    let harness = EmbeddedHarness::new();
    harness.insert_all("OLD").await;
    harness.release("OLD0").await;
    let mut indexer = harness.reopen_unindexed().await;
    let engine = harness.engine();
    let mut steps = 0;
    loop {
        // At each step one is written, one released, and all that matters looked at.
        harness.insert(&format!("NEW{steps}")).await.expect("works");
        harness.release(&format!("OLD{}", steps + 1)).await;
        for step in 0..=steps {
            assert_eq!(harness.state(&format!("NEW{step}")).await, Some(State::Pending));
            assert_eq!(harness.state(&format!("OLD{step}")).await, Some(State::Released));
        }
        assert_eq!(harness.state(&format!("OLD{}", CODES - 1)).await, Some(State::Pending));
        assert_eq!(harness.state("NEVER").await, None);
        assert!(!is_free(&harness, &harness.key("OLD0")).await, "a tombstone holds its code");
        if !indexer.step(&engine).expect("works") {
            break;
        }
        steps += 1;
    }
    assert!(steps >= 3, "{steps} steps");
    engine.index.complete();
    for index in 0..CODES {
        let state = if index <= steps + 1 { State::Released } else { State::Pending };
        assert_eq!(harness.state(&format!("OLD{index}")).await, Some(state), "OLD{index}");
    }
    assert_eq!(harness.state("NEVER").await, None);
    assert_eq!(harness.insert("OLD2000").await.expect("works"), Insertion::Taken);
}

#[tokio::test]
async fn a_store_that_ended_while_its_index_was_filled_has_lost_nothing() {
    let harness = EmbeddedHarness::new();
    harness.insert_all("CODE").await;
    let mut indexer = harness.reopen_unindexed().await;
    for _ in 0..2 {
        assert!(indexer.step(&harness.engine()).expect("works"), "there is more");
    }
    harness.release("CODE7").await;
    drop(indexer);
    harness.reopen_unindexed().await;
    harness.embedded().close().await.expect("closes");
    *harness.store.lock().expect("not poisoned") = EmbeddedStore::open(harness.options()).expect("opens");
    eventually(|| harness.engine().index.is_complete()).await;
    for index in 0..CODES {
        let state = if index == 7 { State::Released } else { State::Pending };
        assert_eq!(harness.state(&format!("CODE{index}")).await, Some(state), "CODE{index}");
    }
}

#[tokio::test]
async fn a_lookup_asks_the_bucket_of_its_record_and_none_for_what_is_not_there() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    let engine = harness.engine();
    eventually(|| engine.index.is_complete()).await;
    let kept = ledger_key("kept", "one");
    let record = registration(harness.clock.now(), "CODE", TTL);
    let answer = entry("answer", Some(record.forget_time()));
    store.insert_if_absent(&record, NO_LIMIT, Some((&kept, answer))).await.expect("works");
    let code = record::code_key(&record.key());
    assert_eq!(candidates(&engine, &code).len(), 1);
    assert_eq!(candidates(&engine, &record::ledger_key(&kept)).len(), 1);
    assert_eq!(candidates(&engine, &record::release_key(&code)), []);
    assert_eq!(candidates(&engine, &record::code_key(&harness.key("NEVER"))), []);
    assert!(store.swap(&kept, Some(b"answer"), None).await.expect("works"));
    assert_eq!(candidates(&engine, &record::ledger_key(&kept)), []);

    harness.clock.advance(TTL + QUARANTINE);
    harness.insert("CODE").await.expect("works");
    assert_eq!(candidates(&engine, &code).len(), 1, "it lies where the new record does");
}

#[tokio::test]
async fn what_was_in_a_deleted_bucket_is_forgotten_by_the_index_too() {
    let harness = EmbeddedHarness::new();
    let engine = harness.engine();
    harness.insert("CODE").await.expect("works");
    let key = record::code_key(&harness.key("CODE"));
    eventually(|| engine.index.is_complete()).await;
    assert_eq!(candidates(&engine, &key).len(), 1);
    harness.clock.advance(TTL + QUARANTINE + Duration::from_secs(3_600));
    eventually(|| candidates(&engine, &key).is_empty()).await;
}

#[tokio::test]
async fn what_is_released_is_not_kept_twice() {
    let harness = EmbeddedHarness::new();
    let write_out = || {
        for bucket in harness.engine().buckets().iter() {
            bucket.keyspace.rotate_memtable_and_wait().expect("written out");
        }
        folder_bytes(&harness.folder.path().join("store").join("keyspaces"))
    };
    harness.insert_all("CODE").await;
    let live = write_out();
    join_all((0..CODES).map(async |index| harness.release(&format!("CODE{index}")).await)).await;
    let released = write_out();
    assert!(released < live + live / 4, "{live} bytes with live codes, {released} with released ones");
}
