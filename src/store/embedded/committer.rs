//! The committer: the only thread that writes.
//!
//! It uses group commit. Commands that arrive during a sync wait in the queue and share the next sync. The number of
//! syncs per command therefore falls as concurrency rises, and a single caller never waits for others.

use std::{
    sync::{Arc, PoisonError, mpsc as thread_channel},
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use super::{
    bucket::Bucket,
    engine::EmbeddedEngine,
    handle::StoreCore,
    operation::{CommitFailure, Operation},
    transaction::{BucketCounts, Transaction},
};
use crate::domain::clock::{Stopwatch, Timestamp};

/// The maximum number of commands that share a sync. It limits how long the first command waits for the last.
const BATCH_MAX: usize = 512;

/// How many times `end` checks for remaining readers, and how long it waits between checks. A read takes milliseconds.
const LAST_READERS_CHECKS: u32 = 5_000;
const LAST_READERS_PAUSE: Duration = Duration::from_millis(1);

/// A message to the committer.
pub(super) enum Message {
    /// Decide a command, and make its result durable.
    Operation(Box<dyn Operation>),
    /// Delete the buckets that had expired by this time.
    DeleteExpiredBuckets(Timestamp),
    /// Process the messages already in the queue, then stop.
    Close(oneshot::Sender<()>),
}

/// The committer's state.
pub(super) struct Committer {
    /// The state shared with readers.
    pub core: Arc<StoreCore>,
    /// The engine. Only the committer writes to it.
    pub engine: Arc<EmbeddedEngine>,
    /// The counters of each bucket.
    pub counts: BucketCounts,
    /// Incoming messages.
    pub queue: mpsc::Receiver<Message>,
    /// Deleted buckets, for the cleanup task to drop.
    pub deleted: thread_channel::Sender<Vec<Bucket>>,
}

impl Committer {
    /// Runs until it receives `Close`, or until every handle is dropped.
    pub(super) fn run(mut self) {
        let mut messages = Vec::with_capacity(BATCH_MAX);
        let mut operations = Vec::with_capacity(BATCH_MAX);
        let mut closing = Vec::new();
        while self.queue.blocking_recv_many(&mut messages, BATCH_MAX) > 0 {
            let mut ended_by = None;
            for message in messages.drain(..) {
                match message {
                    Message::Operation(operation) => operations.push(operation),
                    Message::DeleteExpiredBuckets(now) => ended_by = Some(now),
                    Message::Close(closed) => {
                        self.queue.close();
                        closing.push(closed);
                    }
                }
            }
            self.process(&mut operations);
            if let Some(now) = ended_by {
                self.delete_expired_buckets(now);
            }
        }
        self.end();
        for closed in closing {
            // The caller may have stopped waiting.
            let _ = closed.send(());
        }
    }

    fn process(&mut self, operations: &mut Vec<Box<dyn Operation>>) {
        if operations.is_empty() {
            return;
        }
        let committed = match self.core.failure.get() {
            Some(failure) => Err(failure),
            None => self.commit(operations).map_err(|failure| {
                tracing::error!(reason = %failure.0, "commit failed, store refuses writes until it is reopened");
                self.core.failure.get_or_init(|| failure)
            }),
        };
        for operation in operations.drain(..) {
            operation.answer(committed);
        }
        if committed.is_err() {
            self.core.has_failed.cancel();
        }
        // After the responses, because it may take a while.
        if let Err(error) = self.engine.limit_memtables() {
            tracing::warn!(%error, "early memtable flush failed");
        }
    }

    fn commit(&mut self, operations: &mut [Box<dyn Operation>]) -> Result<(), CommitFailure> {
        let (batch, changes) = {
            let mut live = self.core.live.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.core.clock.now();
            let mut transaction = Transaction::new(now, &self.engine, &mut live, &mut self.counts);
            for operation in operations.iter_mut() {
                operation.decide(&mut transaction);
            }
            transaction.finish()
        };
        if batch.is_empty() {
            return Ok(());
        }
        #[cfg(test)]
        if self.core.fail_commits.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(CommitFailure("commit failure injected by a test".to_owned()));
        }
        let start = Stopwatch::start();
        batch
            .commit()
            .map_err(|error| CommitFailure(format!("the storage engine failed to write: {error}")))?;
        for (key, bucket) in &changes.removed {
            self.engine.index.remove(key, *bucket);
        }
        self.core.statistics.record_commit(operations.len(), start.elapsed());
        self.core.watched_codes.signal(&changes.codes);
        self.core.watched_kinds.signal(&changes.kinds);
        Ok(())
    }

    fn delete_expired_buckets(&mut self, now: Timestamp) {
        self.core.live.lock().unwrap_or_else(PoisonError::into_inner).forget(now);
        let buckets = self.engine.delete_expired_buckets(now);
        for bucket in &buckets {
            self.counts.remove(&bucket.keyspace.id());
        }
        // Dropping the last reference to a bucket deletes its files, which would delay commits here.
        let _ = self.deleted.send(buckets);
    }

    /// Closes the engine. When this returns, the folder can be opened again.
    fn end(self) {
        self.core.engine.store(None);
        self.core.watched_codes.close();
        self.core.watched_kinds.close();
        if let Err(error) = self.engine.sync() {
            // Every acknowledged write was synced by its own commit.
            tracing::error!(%error, "final sync failed, acknowledged writes are on disk");
        }
        for _ in 0..LAST_READERS_CHECKS {
            if Arc::strong_count(&self.engine) == 1 {
                break;
            }
            std::thread::sleep(LAST_READERS_PAUSE);
        }
    }
}
