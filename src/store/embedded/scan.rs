//! Streams of all records of a kind, from one snapshot, with one chunk in memory at a time.

use std::{sync::Arc, vec};

use fjall::{Keyspace, Readable, Snapshot};
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};

use super::{
    engine::{EmbeddedEngine, unavailable},
    handle::{StoreCore, closed},
};
use crate::domain::{clock::Timestamp, error::StoreError, port::StoreResult};

/// The number of records read at a time.
const CHUNK: usize = 256;

/// Streams every record whose key starts with `prefix`. `pick` converts key and value to an item, or returns `None` to skip the
/// record. If the store is closed, the stream ends with an error.
pub(super) fn scan<T: Send + 'static>(
    core: &Arc<StoreCore>,
    prefix: Vec<u8>,
    pick: impl Fn(&EmbeddedEngine, &[u8], &[u8], Timestamp) -> StoreResult<Option<T>> + Send + 'static,
) -> BoxStream<'static, StoreResult<T>> {
    let scan =
        RecordScan { core: Arc::clone(core), prefix, pick, snapshot: None, keyspaces: None, records: None };
    stream::unfold(Some(scan), |scan| async move {
        // Reading may wait for the disk, which must not block the caller's runtime.
        let (chunk, rest) = match tokio::task::spawn_blocking(move || scan.map(RecordScan::next_chunk)).await
        {
            Ok(read) => read?,
            Err(_) => (vec![Err(StoreError::Unavailable("the scan was aborted".to_owned()))], None),
        };
        Some((stream::iter(chunk), rest))
    })
    .flatten()
    .boxed()
}

struct RecordScan<F> {
    core: Arc<StoreCore>,
    prefix: Vec<u8>,
    pick: F,
    snapshot: Option<Snapshot>,
    /// The ids of the keyspaces that remain to be read. Holding the keyspaces themselves would keep the folder of a closed store
    /// locked for as long as the stream exists.
    keyspaces: Option<vec::IntoIter<u64>>,
    records: Option<fjall::Iter>,
}

impl<F> RecordScan<F> {
    fn next_chunk<T>(mut self) -> (Vec<StoreResult<T>>, Option<Self>)
    where
        F: Fn(&EmbeddedEngine, &[u8], &[u8], Timestamp) -> StoreResult<Option<T>>,
    {
        let mut chunk = Vec::with_capacity(CHUNK);
        for _ in 0..CHUNK {
            match self.next_record() {
                Ok(Some(Some(record))) => chunk.push(Ok(record)),
                Ok(Some(None)) => {}
                Ok(None) => return (chunk, None),
                Err(error) => {
                    chunk.push(Err(error));
                    return (chunk, None);
                }
            }
        }
        (chunk, Some(self))
    }

    fn next_record<T>(&mut self) -> StoreResult<Option<Option<T>>>
    where
        F: Fn(&EmbeddedEngine, &[u8], &[u8], Timestamp) -> StoreResult<Option<T>>,
    {
        let engine = self.core.engine.load();
        let engine = engine.as_ref().ok_or_else(closed)?;
        let snapshot = self.snapshot.get_or_insert_with(|| engine.snapshot());
        let keyspaces = self.keyspaces.get_or_insert_with(|| all_keyspaces(engine));
        loop {
            if let Some(guard) = self.records.as_mut().and_then(Iterator::next) {
                let (key, value) = guard.into_inner().map_err(unavailable)?;
                return (self.pick)(engine, &key, &value, self.core.clock.now()).map(Some);
            }
            let Some(id) = keyspaces.next() else { return Ok(None) };
            self.records = keyspace(engine, id).map(|keyspace| snapshot.prefix(&keyspace, &self.prefix));
        }
    }
}

fn all_keyspaces(engine: &EmbeddedEngine) -> vec::IntoIter<u64> {
    let buckets = engine.buckets();
    let ids: Vec<_> = [engine.lasting.id(), engine.trials.id()]
        .into_iter()
        .chain(buckets.iter().map(|bucket| bucket.keyspace.id()))
        .collect();
    ids.into_iter()
}

/// The keyspace with this id. `None` if it was a bucket that has expired and been deleted.
fn keyspace(engine: &EmbeddedEngine, id: u64) -> Option<Keyspace> {
    if let Some(keyspace) = [&engine.lasting, &engine.trials].into_iter().find(|keyspace| keyspace.id() == id)
    {
        return Some(keyspace.clone());
    }
    let buckets = engine.buckets();
    buckets.iter().find(|bucket| bucket.keyspace.id() == id).map(|bucket| bucket.keyspace.clone())
}
