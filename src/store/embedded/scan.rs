//! Streams of all records of a kind, as of one moment, a chunk in memory at a time.

use std::{sync::Arc, vec};

use fjall::{Keyspace, Readable, Snapshot};
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};

use super::{
    engine::{Engine, unavailable},
    handle::{Core, closed},
};
use crate::domain::{clock::Timestamp, error::StoreError, port::StoreResult};

/// How many records are read before others get their turn.
const CHUNK: usize = 256;

/// Every record whose key begins with `prefix`, as `pick` makes it of key and value; it is left out where that
/// says `None`. The stream ends with an error where the store closes.
pub(super) fn scan<T: Send + 'static>(
    core: &Arc<Core>,
    prefix: Vec<u8>,
    pick: impl Fn(&Engine, &[u8], &[u8], Timestamp) -> StoreResult<Option<T>> + Send + 'static,
) -> BoxStream<'static, StoreResult<T>> {
    let scan = Scan { core: Arc::clone(core), prefix, pick, snapshot: None, keyspaces: None, records: None };
    stream::unfold(Some(scan), |scan| async move {
        // Reading may wait for the disk, which must not hold up the caller's runtime.
        let (chunk, rest) = match tokio::task::spawn_blocking(move || scan.map(Scan::next_chunk)).await {
            Ok(read) => read?,
            Err(_) => (vec![Err(StoreError::Unavailable("a scan was cut off".to_owned()))], None),
        };
        Some((stream::iter(chunk), rest))
    })
    .flatten()
    .boxed()
}

struct Scan<F> {
    core: Arc<Core>,
    prefix: Vec<u8>,
    pick: F,
    snapshot: Option<Snapshot>,
    /// Which keyspaces are still to be read, by their ids: to hold them would keep a closed store's folder
    /// locked for as long as somebody keeps the stream.
    keyspaces: Option<vec::IntoIter<u64>>,
    records: Option<fjall::Iter>,
}

impl<F> Scan<F> {
    fn next_chunk<T>(mut self) -> (Vec<StoreResult<T>>, Option<Self>)
    where
        F: Fn(&Engine, &[u8], &[u8], Timestamp) -> StoreResult<Option<T>>,
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
        F: Fn(&Engine, &[u8], &[u8], Timestamp) -> StoreResult<Option<T>>,
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

fn all_keyspaces(engine: &Engine) -> vec::IntoIter<u64> {
    let buckets = engine.buckets();
    let ids: Vec<_> = [engine.lasting.id(), engine.trials.id()]
        .into_iter()
        .chain(buckets.iter().map(|bucket| bucket.keyspace.id()))
        .collect();
    ids.into_iter()
}

/// A keyspace by its id; `None` where its time was over and it is deleted.
fn keyspace(engine: &Engine, id: u64) -> Option<Keyspace> {
    if let Some(keyspace) = [&engine.lasting, &engine.trials].into_iter().find(|keyspace| keyspace.id() == id)
    {
        return Some(keyspace.clone());
    }
    let buckets = engine.buckets();
    buckets.iter().find(|bucket| bucket.keyspace.id() == id).map(|bucket| bucket.keyspace.clone())
}
