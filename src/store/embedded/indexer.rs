//! Fills the index after a store is opened, while the store is already in use.

use std::{sync::Weak, vec};

use super::{
    engine::{EmbeddedEngine, unavailable},
    handle::StoreCore,
    index::BucketId,
    record,
};
use crate::domain::{clock::Stopwatch, port::StoreResult};

/// The number of keys indexed per step. The store can be closed between steps.
const CHUNK: usize = 1024;

/// The keys that remain to be indexed. The committer indexes the keys that it writes in the meantime.
pub(super) struct Indexer {
    /// The ids of the buckets that existed at the start. Holding the buckets themselves would keep the folder of a closed store
    /// locked.
    buckets: vec::IntoIter<BucketId>,
    current: Option<(BucketId, fjall::Iter)>,
    keys: u64,
}

impl Indexer {
    /// Creates an indexer for the buckets that exist now.
    pub(super) fn new(engine: &EmbeddedEngine) -> Self {
        let buckets: Vec<_> = engine.buckets().iter().map(super::bucket::Bucket::id).collect();
        Self { buckets: buckets.into_iter(), current: None, keys: 0 }
    }

    /// Runs until every key is indexed or the store is closed.
    pub(super) fn run(mut self, core: &Weak<StoreCore>) {
        let start = Stopwatch::start();
        loop {
            let Some(engine) = core.upgrade().and_then(|core| core.engine.load_full()) else { return };
            match self.step(&engine) {
                Ok(true) => {}
                Ok(false) => {
                    engine.index.complete();
                    let seconds = start.elapsed().as_secs_f64();
                    tracing::debug!(keys = self.keys, seconds, "store index complete");
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, "filling the store index failed, lookups are slower until the next start");
                    return;
                }
            }
        }
    }

    /// Indexes the next keys. Returns false once there are none left.
    pub(super) fn step(&mut self, engine: &EmbeddedEngine) -> StoreResult<bool> {
        let Some((bucket, keys)) = &mut self.current else { return Ok(self.begin_next(engine)) };
        for _ in 0..CHUNK {
            let Some(key) = keys.next() else {
                self.current = None;
                break;
            };
            let key = key.key().map_err(unavailable)?;
            // Counters are never looked up by key.
            if key.first() != Some(&record::COUNTER) {
                engine.index.add(&key, *bucket);
                self.keys += 1;
            }
        }
        Ok(true)
    }

    /// Moves to the next bucket. A bucket that was deleted in the meantime has nothing to index. Returns false if there is no
    /// next bucket.
    fn begin_next(&mut self, engine: &EmbeddedEngine) -> bool {
        let Some(id) = self.buckets.next() else { return false };
        let buckets = engine.buckets();
        let bucket = buckets.iter().find(|bucket| bucket.id() == id);
        self.current = bucket.map(|bucket| (id, bucket.keyspace.iter()));
        true
    }
}
