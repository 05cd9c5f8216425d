//! Watches over an upstream: it signals nothing, so it is asked every few seconds, once for each code however many watch
//! it. What is found out becomes a tombstone in the store, whose signal every watch gets.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::task::AbortHandle;
use uuid::Uuid;

use crate::{
    domain::{
        backend::Sign,
        clock::SharedClock,
        error::Result,
        port::Codes,
        randomness::{SharedRandomness, up_to},
        registration::{CodeKey, Registration},
    },
    service::{backends::Backends, device_memory::DeviceMemory, policy::SharedPolicy},
};

/// How long between two looks: 5 seconds, half of [`SPREAD`] more or less.
const INTERVAL: Duration = Duration::from_secs(5);

/// The intervals vary by so much, and the first look comes at any time within the first one: watches that begin together, as
/// after a broken connection, do not ask together.
const SPREAD: Duration = Duration::from_secs(2);

/// So many looks in a row must not find the code before it counts as gone: one may have gone astray.
const MISSING_LOOKS: u32 = 2;

type Watched = (CodeKey, Uuid);

/// The codes that are being asked for.
#[derive(Debug, Default)]
pub(super) struct Pollers {
    polls: Arc<Mutex<HashMap<Watched, Weak<Poll>>>>,
}

/// The looks at one code. They end when the last of those who hold this lets it go.
#[derive(Debug)]
pub(super) struct Poll {
    watched: Watched,
    task: AbortHandle,
    polls: Arc<Mutex<HashMap<Watched, Weak<Poll>>>>,
}

/// What looks and what is looked at.
pub(super) struct Looking {
    /// Who issued the record, as the configuration has it now: it may change while the looks go on.
    pub backends: Backends,
    pub policy: SharedPolicy,
    pub codes: Arc<dyn Codes>,
    pub memory: DeviceMemory,
    pub clock: SharedClock,
    pub randomness: SharedRandomness,
    pub record: Registration,
}

impl Pollers {
    /// Joins those who look at the record already, or begins to look, on this thread's runtime.
    pub(super) fn join(&self, looking: Looking) -> Arc<Poll> {
        let watched = (looking.record.key(), looking.record.id);
        let mut polls = self.polls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(poll) = polls.get(&watched).and_then(Weak::upgrade) {
            return poll;
        }
        let task = tokio::spawn(looking.run()).abort_handle();
        let poll = Arc::new(Poll { watched: watched.clone(), task, polls: Arc::clone(&self.polls) });
        polls.insert(watched, Arc::downgrade(&poll));
        poll
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        self.task.abort();
        let mut polls = self.polls.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have begun anew meanwhile.
        if polls.get(&self.watched).is_some_and(|poll| poll.strong_count() == 0) {
            polls.remove(&self.watched);
        }
    }
}

impl Looking {
    async fn run(self) {
        let mut missing = 0;
        let mut pause = up_to(&*self.randomness, INTERVAL);
        loop {
            self.clock.sleep(pause).await;
            pause = INTERVAL - SPREAD / 2 + up_to(&*self.randomness, SPREAD);
            match self.look().await {
                None => return,
                Some(Ok(Sign::Pending)) => missing = 0,
                Some(Ok(Sign::LoggedIn)) => {
                    missing = MISSING_LOOKS;
                    self.tell_device().await;
                }
                Some(Ok(Sign::Missing)) => missing += 1,
                // It may be there: the looks that miss it are not in a row.
                Some(Err(error)) => {
                    missing = 0;
                    tracing::debug!(%error, "a watched code could not be looked at");
                }
            }
            if missing >= MISSING_LOOKS && self.release().await {
                return;
            }
        }
    }

    async fn look(&self) -> Option<Result<Sign>> {
        let backend = self.backends.of_record(&self.policy.load(), &self.record);
        match backend {
            Ok(backend) => backend.codes().look(&self.record).await,
            Err(error) => Some(Err(error)),
        }
    }

    /// The device may be polling too: it need not wait until it is asked for again.
    async fn tell_device(&self) {
        if let Err(error) = self.memory.code_used(&self.record.key()).await {
            tracing::debug!(%error, "a device could not be told of its login");
        }
    }

    /// Whether the watches know by now; where the store fails they learn it after the next look.
    async fn release(&self) -> bool {
        let released = self.codes.release(&self.record.key(), self.record.id).await;
        released.inspect_err(|error| tracing::debug!(%error, "a code's end could not be kept")).is_ok()
    }
}
