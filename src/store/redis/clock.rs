//! The engine's time as this process's clock: replicas whose own clocks differ agree on when something ends.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tokio_util::task::AbortOnDropHandle;

use super::{engine::SharedEngine, options::Node};
use crate::domain::{
    clock::{Clock, MonotonicInstant, SharedClock, Sleep, Timestamp},
    port::StoreResult,
};

/// How often the engine is asked what time it is.
const SYNC_INTERVAL: Duration = Duration::from_secs(10);

/// A difference of clocks that operators should hear of.
const REMARKABLE: Duration = Duration::from_secs(30);

/// A wait for a wall-clock time looks at the clock again at least this often: the difference may have changed.
const LONGEST_NAP: Duration = Duration::from_secs(10);

/// The wall clock of the engine, by the difference to our own when it was last asked. The monotonic clock is our own.
#[derive(Debug)]
pub(super) struct EngineClock {
    own: SharedClock,
    /// How many milliseconds the engine's clock is ahead.
    ahead: AtomicI64,
}

impl EngineClock {
    /// The engine's time, asked for now and from time to time.
    ///
    /// # Errors
    /// Where the engine does not say.
    pub(super) async fn start(
        own: SharedClock,
        engine: SharedEngine,
    ) -> StoreResult<(Arc<Self>, AbortOnDropHandle<()>)> {
        let clock = Arc::new(Self { own, ahead: AtomicI64::new(0) });
        clock.synchronize(&engine).await?;
        let keeping = Arc::clone(&clock);
        let keeper = tokio::spawn(async move {
            loop {
                keeping.own.sleep(SYNC_INTERVAL).await;
                if let Err(error) = keeping.synchronize(&engine).await {
                    tracing::debug!(%error, "the store's time could not be asked for");
                }
            }
        });
        Ok((clock, AbortOnDropHandle::new(keeper)))
    }

    /// Takes the time of the engine; of a cluster the middle one of its primaries', which one wrong clock does not move.
    async fn synchronize(&self, engine: &SharedEngine) -> StoreResult<()> {
        let asked = engine.primaries()?.into_iter().map(|node| self.difference(engine, node));
        let mut differences: Vec<_> =
            futures_util::future::join_all(asked).await.into_iter().flatten().collect();
        differences.sort_unstable();
        let Some(middle) = differences.get(differences.len() / 2) else { return Ok(()) };
        let before = self.ahead.swap(*middle, Ordering::Relaxed);
        let remarkable = i64::try_from(REMARKABLE.as_millis()).unwrap_or(i64::MAX);
        if middle.abs() > remarkable && (middle - before).abs() > remarkable {
            tracing::warn!(
                milliseconds = middle,
                "the store's clock is ahead of this machine's by so much; the store's is what codes and trials go by"
            );
        }
        Ok(())
    }

    /// How far a node's clock is ahead of ours, as of the middle of the time that its answer took.
    async fn difference(&self, engine: &SharedEngine, node: Node) -> StoreResult<i64> {
        let before = self.own.now();
        let (seconds, microseconds): (u64, u64) = engine.ask_node(&node, redis::cmd("TIME")).await?;
        let own =
            before.as_millis() + u64::try_from(self.own.now().since(before).as_millis() / 2).unwrap_or(0);
        let engine = seconds.saturating_mul(1000) + microseconds / 1000;
        Ok(i64::try_from(engine).unwrap_or(i64::MAX) - i64::try_from(own).unwrap_or(i64::MAX))
    }
}

impl Clock for EngineClock {
    fn now(&self) -> Timestamp {
        let own = self.own.now().as_millis();
        Timestamp::from_millis(own.saturating_add_signed(self.ahead.load(Ordering::Relaxed)))
    }

    fn instant(&self) -> MonotonicInstant {
        self.own.instant()
    }

    fn sleep_until(&self, deadline: Timestamp) -> Sleep<'_> {
        Box::pin(async move {
            loop {
                let left = deadline.since(self.now());
                if left.is_zero() {
                    return;
                }
                self.own.sleep(left.min(LONGEST_NAP)).await;
            }
        })
    }

    fn sleep_until_instant(&self, deadline: MonotonicInstant) -> Sleep<'_> {
        self.own.sleep_until_instant(deadline)
    }
}
