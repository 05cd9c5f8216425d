//! Fills the index of a store that was opened, while it is in use already.

use std::{sync::Weak, vec};

use super::{
    engine::{Engine, unavailable},
    handle::Core,
    index::BucketId,
    record,
};
use crate::domain::{clock::Stopwatch, port::StoreResult};

/// How many keys are taken up at a time. In between the store may be closed.
const CHUNK: usize = 1024;

/// What is still to be taken up. What is written meanwhile is in the index already.
pub(super) struct Indexer {
    /// The buckets that were there at the start, by their ids: to hold them would keep a closed store's folder locked.
    buckets: vec::IntoIter<BucketId>,
    current: Option<(BucketId, fjall::Iter)>,
    keys: u64,
}

impl Indexer {
    /// Begins with the buckets that there are.
    pub(super) fn new(engine: &Engine) -> Self {
        let buckets: Vec<_> = engine.buckets().iter().map(super::bucket::Bucket::id).collect();
        Self { buckets: buckets.into_iter(), current: None, keys: 0 }
    }

    /// Works until all is in the index, or the store has ended.
    pub(super) fn run(mut self, core: &Weak<Core>) {
        let start = Stopwatch::start();
        loop {
            let Some(engine) = core.upgrade().and_then(|core| core.engine.load_full()) else { return };
            match self.step(&engine) {
                Ok(true) => {}
                Ok(false) => {
                    engine.index.complete();
                    let seconds = start.elapsed().as_secs_f64();
                    tracing::debug!(keys = self.keys, seconds, "the index of the store is complete");
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, "the index of the store could not be filled: calls take longer until the next start");
                    return;
                }
            }
        }
    }

    /// Takes a few keys up. False once there are no more.
    pub(super) fn step(&mut self, engine: &Engine) -> StoreResult<bool> {
        let Some((bucket, keys)) = &mut self.current else { return Ok(self.begin_next(engine)) };
        for _ in 0..CHUNK {
            let Some(key) = keys.next() else {
                self.current = None;
                break;
            };
            let key = key.key().map_err(unavailable)?;
            // Nobody looks for a counter.
            if key.first() != Some(&record::COUNTER) {
                engine.index.add(&key, *bucket);
                self.keys += 1;
            }
        }
        Ok(true)
    }

    /// Turns to the next bucket; one whose time was over meanwhile has nothing to take up. False where there is none.
    fn begin_next(&mut self, engine: &Engine) -> bool {
        let Some(id) = self.buckets.next() else { return false };
        let buckets = engine.buckets();
        let bucket = buckets.iter().find(|bucket| bucket.id() == id);
        self.current = bucket.map(|bucket| (id, bucket.keyspace.iter()));
        true
    }
}
