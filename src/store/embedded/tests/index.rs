//! Tests of the index, and of the store while the index is being filled.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;

use super::{
    super::{
        engine::EmbeddedEngine,
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
        registration_code::{CodeKey, CodeState},
    },
    store::conformance::{conformance, sample::is_free},
};

/// More than the indexer processes per step.
const CODES: usize = 2_500;

/// A store whose index is never filled searches every bucket and behaves the same otherwise.
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

    /// Reopens the store and returns its indexer, so that the test fills the index.
    async fn reopen_unindexed(&self) -> Indexer {
        self.embedded().close().await.expect("closes");
        let (store, indexer) = EmbeddedStore::open_unindexed(self.options()).expect("opens again");
        *self.store.lock().expect("not poisoned") = store;
        indexer
    }

    fn engine(&self) -> Arc<EmbeddedEngine> {
        self.embedded().core.engine.load_full().expect("open")
    }

    async fn state(&self, code: &str) -> Option<CodeState> {
        let entry = Codes::get(&self.embedded(), &self.key(code)).await.expect("works")?;
        Some(entry.state(self.clock.now()))
    }

    /// Inserts many codes with the same prefix concurrently, so that they share commits.
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

fn candidates(engine: &EmbeddedEngine, key: &[u8]) -> Vec<BucketId> {
    match engine.index.candidates(key) {
        Candidates::Only(buckets) => buckets.to_vec(),
        Candidates::Any => panic!("the index is not complete"),
    }
}

#[tokio::test]
async fn records_written_before_and_during_indexing_are_always_found() {
    let harness = EmbeddedHarness::new();
    harness.insert_all("OLD").await;
    harness.release("OLD0").await;
    let mut indexer = harness.reopen_unindexed().await;
    let engine = harness.engine();
    let mut steps = 0;
    loop {
        // Each step writes one code, releases one, and checks all affected codes.
        harness.insert(&format!("NEW{steps}")).await.expect("works");
        harness.release(&format!("OLD{}", steps + 1)).await;
        for step in 0..=steps {
            assert_eq!(harness.state(&format!("NEW{step}")).await, Some(CodeState::Pending));
            assert_eq!(harness.state(&format!("OLD{step}")).await, Some(CodeState::Released));
        }
        assert_eq!(harness.state(&format!("OLD{}", CODES - 1)).await, Some(CodeState::Pending));
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
        let state = if index <= steps + 1 { CodeState::Released } else { CodeState::Pending };
        assert_eq!(harness.state(&format!("OLD{index}")).await, Some(state), "OLD{index}");
    }
    assert_eq!(harness.state("NEVER").await, None);
    assert_eq!(harness.insert("OLD2000").await.expect("works"), Insertion::Taken);
}

#[tokio::test]
async fn a_store_closed_during_indexing_loses_nothing() {
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
        let state = if index == 7 { CodeState::Released } else { CodeState::Pending };
        assert_eq!(harness.state(&format!("CODE{index}")).await, Some(state), "CODE{index}");
    }
}

#[tokio::test]
async fn a_lookup_searches_only_the_bucket_of_its_record() {
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
    assert_eq!(candidates(&engine, &code).len(), 1, "only the new record's bucket is a candidate");
}

#[tokio::test]
async fn the_index_forgets_the_keys_of_a_deleted_bucket() {
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
async fn a_release_does_not_store_the_record_again() {
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
