//! How many codes live in each environment: a count in the engine, by the second of their end.
//!
//! Creates that come at the same time are counted by one call: it costs the engine about as much as a single one.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::oneshot;

use super::{
    engine::SharedEngine,
    key,
    script::{self, Call},
};
use crate::domain::{clock::Timestamp, error::StoreError, id::EnvironmentName, port::StoreResult};

/// How many seconds are counted by one call where they are counted anew.
const SECONDS_AT_ONCE: usize = 1_000;

/// What became of one more.
#[derive(Debug, Clone, Copy)]
pub(super) enum Count {
    /// It is counted.
    Room,
    /// There are as many as there may be.
    Full {
        /// When the next one ends.
        next_expiry: Timestamp,
    },
}

/// The counts.
pub(super) struct LiveCounts {
    engine: SharedEngine,
    /// Those that go with the next call.
    waiting: Mutex<HashMap<Limited, Vec<OneMore>>>,
}

/// An environment, and how many codes may live there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Limited {
    environment: EnvironmentName,
    max: u64,
}

/// A code that is to be counted.
struct OneMore {
    /// The second in which it ends.
    second: u64,
    done: oneshot::Sender<StoreResult<Count>>,
}

impl LiveCounts {
    pub(super) fn new(engine: SharedEngine) -> Arc<Self> {
        Arc::new(Self { engine, waiting: Mutex::default() })
    }

    /// Counts one more where there are fewer than `max`.
    ///
    /// # Errors
    /// Where the engine is away: then it may be counted.
    pub(super) async fn add(
        self: &Arc<Self>,
        environment: &EnvironmentName,
        end: Timestamp,
        max: u64,
    ) -> StoreResult<Count> {
        let limited = Limited { environment: environment.clone(), max };
        let (done, outcome) = oneshot::channel();
        let is_first = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let queue = waiting.entry(limited.clone()).or_default();
            queue.push(OneMore { second: end.as_secs_rounded_up(), done });
            queue.len() == 1
        };
        if is_first {
            let counts = Arc::clone(self);
            tokio::spawn(async move {
                // Those that came in the same turn of this thread are in the queue by then.
                tokio::task::yield_now().await;
                counts.call(&limited).await;
            });
        }
        outcome.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the store was closed".to_owned())))
    }

    /// Counts all that wait.
    async fn call(&self, limited: &Limited) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(limited);
        let mut by_second = BTreeMap::<u64, Vec<_>>::new();
        for OneMore { second, done } in waiting.into_iter().flatten() {
            by_second.entry(second).or_default().push(done);
        }
        let max = (limited.max < u64::MAX).then_some(limited.max);
        let more = by_second.iter().map(|(second, done)| (*second, done.len()));
        let counted = self.engine.call(count(&limited.environment, max, None, more)).await;
        // The first of them have room, in the order of their seconds.
        for (index, done) in by_second.into_values().flatten().enumerate() {
            let outcome = counted.clone().map(|Counted(counted, _, next)| match index < counted {
                true => Count::Room,
                false => Count::Full { next_expiry: Timestamp::from_millis(next.saturating_mul(1000)) },
            });
            let _ = done.send(outcome);
        }
    }

    /// Counts one more and one less at once, without a limit.
    ///
    /// # Errors
    /// Where the engine is away: then it may be counted.
    pub(super) async fn exchange(
        &self,
        environment: &EnvironmentName,
        one_more: Timestamp,
        one_less: Option<Timestamp>,
    ) -> StoreResult<()> {
        let more = std::iter::once((one_more.as_secs_rounded_up(), 1));
        self.engine.call::<Counted>(count(environment, None, one_less, more)).await.map(drop)
    }

    /// Counts one less. Where that cannot be said the count is too high until it would have ended.
    pub(super) async fn remove(&self, environment: &EnvironmentName, end: Timestamp) {
        let call = count(environment, None, Some(end), std::iter::empty());
        if let Err(error) = self.engine.call::<Counted>(call).await {
            tracing::warn!(%error, "a code that does not live any more is counted until its end");
        }
    }

    /// Counts anew: so many in each second, and nothing else. Nobody else may count meanwhile.
    ///
    /// # Errors
    /// Where the engine is away: then it may be counted in part.
    pub(super) async fn replace(
        &self,
        environment: &EnvironmentName,
        seconds: &BTreeMap<u64, usize>,
    ) -> StoreResult<()> {
        self.engine.call::<u64>(Call::command("DEL", [key::live_count(environment)])).await?;
        let seconds: Vec<_> = seconds.iter().map(|(second, count)| (*second, *count)).collect();
        for part in seconds.chunks(SECONDS_AT_ONCE) {
            self.engine.call::<Counted>(count(environment, None, None, part.iter().copied())).await?;
        }
        Ok(())
    }

    /// How many there are.
    ///
    /// # Errors
    /// Where the engine is away.
    pub(super) async fn total(&self, environment: &EnvironmentName) -> StoreResult<u64> {
        let call = count(environment, None, None, std::iter::empty());
        self.engine.glance(call).await.map(|Counted(_, total, _)| total)
    }
}

/// What the script answers: how many of those that were to be added are, how many there are now, and the second in which the
/// next one ends.
#[derive(Clone)]
struct Counted(usize, u64, u64);

impl redis::FromRedisValue for Counted {
    fn from_redis_value(value: redis::Value) -> Result<Self, redis::ParsingError> {
        redis::from_redis_value(value).map(|(counted, total, next)| Self(counted, total, next))
    }
}

fn count(
    environment: &EnvironmentName,
    max: Option<u64>,
    one_less: Option<Timestamp>,
    more: impl Iterator<Item = (u64, usize)>,
) -> Call {
    let text = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let call = Call::script(&script::LIVE_COUNT, [key::live_count(environment)])
        .arg(text(max))
        .arg(text(one_less.map(Timestamp::as_secs_rounded_up)));
    more.fold(call, |call, (second, count)| call.number(second).arg(count.to_string()))
}
