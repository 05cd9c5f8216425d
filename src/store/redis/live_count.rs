//! The number of live codes in each environment: a count in the engine, by the second of expiry.
//!
//! Concurrent creates are counted by one call, which costs the engine about as much as counting a single one.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::oneshot;

use super::{
    engine::SharedEngine,
    key,
    script::{self, EngineCall},
};
use crate::domain::{clock::Timestamp, error::StoreError, id::EnvironmentName, port::StoreResult};

/// The maximum number of seconds per call when the count is replaced.
const SECONDS_AT_ONCE: usize = 1_000;

/// The result of counting a code.
#[derive(Debug, Clone, Copy)]
pub(super) enum CountDecision {
    /// The code is counted.
    Room,
    /// The limit is reached.
    Full {
        /// The time by which the next code expires.
        next_expiry: Timestamp,
    },
}

pub(super) struct LiveCounts {
    engine: SharedEngine,
    /// The codes that the next call counts.
    waiting: Mutex<HashMap<EnvironmentLimit, Vec<CountRequest>>>,
}

/// An environment and its limit of live codes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct EnvironmentLimit {
    environment: EnvironmentName,
    max: u64,
}

/// A code to count.
struct CountRequest {
    /// The second of its expiry.
    second: u64,
    done: oneshot::Sender<StoreResult<CountDecision>>,
}

impl LiveCounts {
    pub(super) fn new(engine: SharedEngine) -> Arc<Self> {
        Arc::new(Self { engine, waiting: Mutex::default() })
    }

    /// Counts a code if there are fewer than `max`.
    ///
    /// # Errors
    /// If the engine is unreachable. The code may then be counted.
    pub(super) async fn add(
        self: &Arc<Self>,
        environment: &EnvironmentName,
        end: Timestamp,
        max: u64,
    ) -> StoreResult<CountDecision> {
        let limited = EnvironmentLimit { environment: environment.clone(), max };
        let (done, outcome) = oneshot::channel();
        let is_first = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let queue = waiting.entry(limited.clone()).or_default();
            queue.push(CountRequest { second: end.as_secs_rounded_up(), done });
            queue.len() == 1
        };
        if is_first {
            let counts = Arc::clone(self);
            tokio::spawn(async move {
                // Let the other tasks of this event loop turn add their codes to the queue first.
                tokio::task::yield_now().await;
                counts.call(&limited).await;
            });
        }
        outcome.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the store is closed".to_owned())))
    }

    /// Counts all waiting codes.
    async fn call(&self, limited: &EnvironmentLimit) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(limited);
        let mut by_second = BTreeMap::<u64, Vec<_>>::new();
        for CountRequest { second, done } in waiting.into_iter().flatten() {
            by_second.entry(second).or_default().push(done);
        }
        let max = (limited.max < u64::MAX).then_some(limited.max);
        let more = by_second.iter().map(|(second, done)| (*second, done.len()));
        let counted = self.engine.call(count(&limited.environment, max, None, more)).await;
        // The script counts codes in the order of their seconds, up to the limit.
        for (index, done) in by_second.into_values().flatten().enumerate() {
            let outcome = counted.clone().map(|CountReply(counted, _, next)| match index < counted {
                true => CountDecision::Room,
                false => {
                    CountDecision::Full { next_expiry: Timestamp::from_millis(next.saturating_mul(1000)) }
                }
            });
            let _ = done.send(outcome);
        }
    }

    /// Adds one code and removes another, without a limit.
    ///
    /// # Errors
    /// If the engine is unreachable. The count may then have changed.
    pub(super) async fn exchange(
        &self,
        environment: &EnvironmentName,
        added: Timestamp,
        removed: Option<Timestamp>,
    ) -> StoreResult<()> {
        let more = std::iter::once((added.as_secs_rounded_up(), 1));
        self.engine.call::<CountReply>(count(environment, None, removed, more)).await.map(drop)
    }

    /// Removes a code from the count. If that fails, the count is too high until the code would have expired.
    pub(super) async fn remove(&self, environment: &EnvironmentName, end: Timestamp) {
        let call = count(environment, None, Some(end), std::iter::empty());
        if let Err(error) = self.engine.call::<CountReply>(call).await {
            tracing::warn!(%error, "deleted code is counted as live until it expires");
        }
    }

    /// Replaces the count with these numbers of codes by second. No other caller may change the count at the same time.
    ///
    /// # Errors
    /// If the engine is unreachable. The count may then be incomplete.
    pub(super) async fn replace(
        &self,
        environment: &EnvironmentName,
        seconds: &BTreeMap<u64, usize>,
    ) -> StoreResult<()> {
        self.engine.call::<u64>(EngineCall::command("DEL", [key::live_count(environment)])).await?;
        let seconds: Vec<_> = seconds.iter().map(|(second, count)| (*second, *count)).collect();
        for part in seconds.chunks(SECONDS_AT_ONCE) {
            self.engine.call::<CountReply>(count(environment, None, None, part.iter().copied())).await?;
        }
        Ok(())
    }

    /// The number of live codes.
    ///
    /// # Errors
    /// If the engine is unreachable.
    pub(super) async fn total(&self, environment: &EnvironmentName) -> StoreResult<u64> {
        let call = count(environment, None, None, std::iter::empty());
        self.engine.call_unacknowledged(call).await.map(|CountReply(_, total, _)| total)
    }
}

/// The result of the script: the number of codes that were added, the total, and the second in which the next code expires.
#[derive(Clone)]
struct CountReply(usize, u64, u64);

impl redis::FromRedisValue for CountReply {
    fn from_redis_value(value: redis::Value) -> Result<Self, redis::ParsingError> {
        redis::from_redis_value(value).map(|(counted, total, next)| Self(counted, total, next))
    }
}

fn count(
    environment: &EnvironmentName,
    max: Option<u64>,
    removed: Option<Timestamp>,
    more: impl Iterator<Item = (u64, usize)>,
) -> EngineCall {
    let text = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let call = EngineCall::script(&script::LIVE_COUNT, [key::live_count(environment)])
        .arg(text(max))
        .arg(text(removed.map(Timestamp::as_secs_rounded_up)));
    more.fold(call, |call, (second, count)| call.number(second).arg(count.to_string()))
}
