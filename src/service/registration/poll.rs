//! Watches over an upstream. The upstream sends no notifications, so it is polled every few seconds, once per code for
//! any number of watches. A result becomes a tombstone in the store, which notifies every watch.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::task::AbortHandle;
use uuid::Uuid;

use crate::{
    domain::{
        backend::UpstreamCodeStatus,
        clock::SharedClock,
        error::Result,
        port::Codes,
        randomness::{SharedRandomness, up_to},
        registration_code::{CodeKey, RegistrationCode},
    },
    service::{backends::Backends, device_memory::DeviceMemory, policy::SharedPolicy},
};

/// The polling interval: 5 seconds, plus or minus half of [`SPREAD`].
const INTERVAL: Duration = Duration::from_secs(5);

/// The jitter of the interval. The first poll happens at a random time within the first interval, so that watches that
/// start together, for example after a broken connection, do not poll together.
const SPREAD: Duration = Duration::from_secs(2);

/// The number of consecutive polls that must miss the code before it counts as ended. A single response may be wrong.
const MAX_MISSES: u32 = 2;

type WatchedRecord = (CodeKey, Uuid);

/// The codes that are being polled.
#[derive(Debug, Default)]
pub(super) struct Pollers {
    polls: Arc<Mutex<HashMap<WatchedRecord, Weak<Poll>>>>,
}

/// The polling of one code. It stops when the last handle is dropped.
#[derive(Debug)]
pub(super) struct Poll {
    watched: WatchedRecord,
    task: AbortHandle,
    polls: Arc<Mutex<HashMap<WatchedRecord, Weak<Poll>>>>,
}

/// What the polling of a code requires.
pub(super) struct PollContext {
    /// The issuer of the record in the current configuration, which may change between polls.
    pub backends: Backends,
    pub policy: SharedPolicy,
    pub codes: Arc<dyn Codes>,
    pub memory: DeviceMemory,
    pub clock: SharedClock,
    pub randomness: SharedRandomness,
    pub record: RegistrationCode,
}

impl Pollers {
    /// Joins the polling of the record, or starts it on this thread's runtime.
    pub(super) fn join(&self, context: PollContext) -> Arc<Poll> {
        let watched = (context.record.key(), context.record.id);
        let mut polls = self.polls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(poll) = polls.get(&watched).and_then(Weak::upgrade) {
            return poll;
        }
        let task = tokio::spawn(context.run()).abort_handle();
        let poll = Arc::new(Poll { watched: watched.clone(), task, polls: Arc::clone(&self.polls) });
        polls.insert(watched, Arc::downgrade(&poll));
        poll
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        self.task.abort();
        let mut polls = self.polls.lock().unwrap_or_else(PoisonError::into_inner);
        // Another watch may have restarted polling meanwhile.
        if polls.get(&self.watched).is_some_and(|poll| poll.strong_count() == 0) {
            polls.remove(&self.watched);
        }
    }
}

impl PollContext {
    async fn run(self) {
        let mut missing = 0;
        let mut pause = up_to(&*self.randomness, INTERVAL);
        loop {
            self.clock.sleep(pause).await;
            pause = INTERVAL - SPREAD / 2 + up_to(&*self.randomness, SPREAD);
            match self.poll().await {
                None => return,
                Some(Ok(UpstreamCodeStatus::Pending)) => missing = 0,
                Some(Ok(UpstreamCodeStatus::LoggedIn)) => {
                    missing = MAX_MISSES;
                    self.notify_device().await;
                }
                Some(Ok(UpstreamCodeStatus::Missing)) => missing += 1,
                // The code may still exist, so this poll does not count as a miss.
                Some(Err(error)) => {
                    missing = 0;
                    tracing::debug!(%error, "cannot poll a watched code");
                }
            }
            if missing >= MAX_MISSES && self.release().await {
                return;
            }
        }
    }

    async fn poll(&self) -> Option<Result<UpstreamCodeStatus>> {
        let backend = self.backends.of_record(&self.policy.load(), &self.record);
        match backend {
            Ok(backend) => backend.codes().poll(&self.record).await,
            Err(error) => Some(Err(error)),
        }
    }

    /// The device may be polling too, and now gets the login with its next call.
    async fn notify_device(&self) {
        if let Err(error) = self.memory.code_used(&self.record.key()).await {
            tracing::debug!(%error, "cannot record the login of a device");
        }
    }

    /// Returns whether the watches are notified. If the store fails, the next poll retries.
    async fn release(&self) -> bool {
        let released = self.codes.release(&self.record.key(), self.record.id).await;
        released.inspect_err(|error| tracing::debug!(%error, "cannot store the end of a code")).is_ok()
    }
}
