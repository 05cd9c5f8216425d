//! The one thread that writes.
//!
//! While a sync runs, the next commands gather in the queue; they then share the next sync. So the more callers
//! there are, the fewer syncs each one costs, and a single caller waits for nobody.

use std::{
    sync::{Arc, PoisonError, mpsc as thread_channel},
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use super::{
    bucket::Bucket,
    engine::Engine,
    handle::Core,
    operation::{CommitFailure, Operation},
    transaction::{BucketCounts, Transaction},
};
use crate::domain::clock::{Stopwatch, Timestamp};

/// The most commands that share a sync. It bounds how long the first of them waits for the last.
const BATCH_MAX: usize = 512;

/// How often the end of the store looks whether readers are still at it, and how long it waits in between: they take
/// milliseconds.
const LAST_READERS_LOOKS: u32 = 5_000;
const LAST_READERS_PAUSE: Duration = Duration::from_millis(1);

/// What the committer is asked for.
pub(super) enum Message {
    /// To decide a command, and to make it durable.
    Operation(Box<dyn Operation>),
    /// To delete the buckets whose time was over at this moment.
    DeleteEndedBuckets(Timestamp),
    /// To end, once what was asked for before is done.
    Close(oneshot::Sender<()>),
}

/// The committer's own state.
pub(super) struct Committer {
    /// What it shares with readers.
    pub core: Arc<Core>,
    /// The engine; nobody else writes to it.
    pub engine: Arc<Engine>,
    /// The counters of each bucket.
    pub counts: BucketCounts,
    /// What is to be done.
    pub queue: mpsc::Receiver<Message>,
    /// Where deleted buckets are let go of.
    pub deleted: thread_channel::Sender<Vec<Bucket>>,
}

impl Committer {
    /// Works until it is told to close, or until nobody is left to tell it anything.
    pub(super) fn run(mut self) {
        let mut messages = Vec::with_capacity(BATCH_MAX);
        let mut operations = Vec::with_capacity(BATCH_MAX);
        let mut closing = Vec::new();
        while self.queue.blocking_recv_many(&mut messages, BATCH_MAX) > 0 {
            let mut ended_by = None;
            for message in messages.drain(..) {
                match message {
                    Message::Operation(operation) => operations.push(operation),
                    Message::DeleteEndedBuckets(now) => ended_by = Some(now),
                    Message::Close(closed) => {
                        self.queue.close();
                        closing.push(closed);
                    }
                }
            }
            self.process(&mut operations);
            if let Some(now) = ended_by {
                self.delete_ended_buckets(now);
            }
        }
        self.end();
        for closed in closing {
            // Who asked may have stopped waiting.
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
                tracing::error!(reason = %failure.0, "a commit failed; the store takes no more writes until it is opened again");
                self.core.failure.get_or_init(|| failure)
            }),
        };
        for operation in operations.drain(..) {
            operation.answer(committed);
        }
        if committed.is_err() {
            self.core.has_failed.cancel();
        }
        // After the answers, since it may take a moment.
        if let Err(error) = self.engine.bound_memtables() {
            tracing::warn!(%error, "a memtable could not be written out early");
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
            return Err(CommitFailure("a test wants commits to fail".to_owned()));
        }
        let start = Stopwatch::start();
        batch
            .commit()
            .map_err(|error| CommitFailure(format!("the storage engine could not write: {error}")))?;
        for (key, bucket) in &changes.left {
            self.engine.index.remove(key, *bucket);
        }
        self.core.statistics.record_commit(operations.len(), start.elapsed());
        self.core.watched_codes.signal(&changes.codes);
        self.core.watched_kinds.signal(&changes.kinds);
        Ok(())
    }

    fn delete_ended_buckets(&mut self, now: Timestamp) {
        self.core.live.lock().unwrap_or_else(PoisonError::into_inner).forget(now);
        let buckets = self.engine.delete_ended_buckets(now);
        for bucket in &buckets {
            self.counts.remove(&bucket.keyspace.id());
        }
        // Who lets go of a bucket last deletes its files, which takes long enough to be felt here.
        let _ = self.deleted.send(buckets);
    }

    /// Gives the folder back: when this returns it can be opened again.
    fn end(self) {
        self.core.engine.store(None);
        self.core.watched_codes.close();
        self.core.watched_kinds.close();
        if let Err(error) = self.engine.sync() {
            tracing::error!(%error, "the last sync failed; what was acknowledged is on disk nevertheless");
        }
        for _ in 0..LAST_READERS_LOOKS {
            if Arc::strong_count(&self.engine) == 1 {
                break;
            }
            std::thread::sleep(LAST_READERS_PAUSE);
        }
    }
}
