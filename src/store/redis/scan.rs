//! Streams of all keys with a prefix, node by node.

use std::collections::HashSet;

use futures_core::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};

use super::{RedisStore, key::RedisKey, options::Node, script::EngineCall};
use crate::domain::{error::StoreError, port::StoreResult};

/// The number of keys that the engine examines per `SCAN` call.
const COUNT: usize = 1_000;

/// The maximum number of concurrent reads of values.
pub(super) const READS: usize = 64;

struct KeyScan {
    store: RedisStore,
    pattern: String,
    /// The nodes that remain to be scanned. `cursor` is the position in the last one.
    nodes: Option<Vec<Node>>,
    cursor: u64,
    /// Digests of the keys seen so far: the engine may return a key several times, and slots may move. `None` if duplicates do not
    /// matter.
    seen: Option<HashSet<u128>>,
}

impl RedisStore {
    /// Streams every key with this prefix, without duplicates.
    pub(super) fn scan_keys(&self, prefix: String) -> BoxStream<'static, StoreResult<RedisKey>> {
        self.scan_keys_filtered(prefix, Some(HashSet::new()))
    }

    /// Streams every key with this prefix in bounded memory. A key may appear more than once if the engine resizes its hash table.
    pub(super) fn scan_keys_with_duplicates(
        &self,
        prefix: String,
    ) -> BoxStream<'static, StoreResult<RedisKey>> {
        self.scan_keys_filtered(prefix, None)
    }

    fn scan_keys_filtered(
        &self,
        prefix: String,
        seen: Option<HashSet<u128>>,
    ) -> BoxStream<'static, StoreResult<RedisKey>> {
        let pattern = format!("{}*", prefix.replace(['[', ']', '?', '*', '\\'], "?"));
        let scan = KeyScan { store: self.clone(), pattern, nodes: None, cursor: 0, seen };
        stream::try_unfold(scan, |mut scan| async move {
            let keys = scan.next().await?;
            Ok::<_, StoreError>(keys.map(|keys| (stream::iter(keys.into_iter().map(Ok)), scan)))
        })
        .try_flatten()
        .boxed()
    }

    /// Streams the keys that still exist, with their values.
    pub(super) fn values(
        &self,
        keys: BoxStream<'static, StoreResult<RedisKey>>,
    ) -> BoxStream<'static, StoreResult<(RedisKey, Vec<u8>)>> {
        let store = self.clone();
        keys.map_ok(move |key| {
            let store = store.clone();
            async move {
                let value: Option<Vec<u8>> =
                    store.engine().call_unacknowledged(EngineCall::command("GET", [key.clone()])).await?;
                Ok(value.map(|value| (key, value)))
            }
        })
        .try_buffer_unordered(READS)
        .try_filter_map(|found| async move { Ok(found) })
        .boxed()
    }
}

impl KeyScan {
    async fn next(&mut self) -> StoreResult<Option<Vec<RedisKey>>> {
        if self.nodes.is_none() {
            self.nodes = Some(self.store.engine().primaries()?);
        }
        let Some(node) = self.nodes.as_ref().and_then(|nodes| nodes.last().cloned()) else { return Ok(None) };
        let mut scan = redis::cmd("SCAN");
        scan.arg(self.cursor).arg("MATCH").arg(&self.pattern).arg("COUNT").arg(COUNT);
        let (cursor, mut keys): (u64, Vec<RedisKey>) = self.store.engine().send_to_node(&node, scan).await?;
        self.cursor = cursor;
        if cursor == 0
            && let Some(nodes) = &mut self.nodes
        {
            nodes.pop();
        }
        if let Some(seen) = &mut self.seen {
            keys.retain(|key| seen.insert(digest(key)));
        }
        Ok(Some(keys))
    }
}

fn digest(key: &[u8]) -> u128 {
    Sha256::digest(key)[..16].iter().fold(0, |digest, byte| digest << 8 | u128::from(*byte))
}
