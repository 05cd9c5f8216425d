//! A clock that follows the engine's time, so that replicas agree on expiries even if their own clocks differ.

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

/// The interval at which the engine's time is queried.
const SYNC_INTERVAL: Duration = Duration::from_secs(10);

/// The difference between the clocks above which a warning is logged.
const WARNING_DIFFERENCE: Duration = Duration::from_secs(30);

/// The maximum time between two checks of the clock during a wait for a wall-clock time, because the difference may change.
const MAX_SLEEP: Duration = Duration::from_secs(10);

/// The engine's wall clock: this process's clock plus the last measured difference. The monotonic clock is this process's own.
#[derive(Debug)]
pub(super) struct EngineClock {
    own: SharedClock,
    /// The number of milliseconds by which the engine's clock is ahead.
    ahead: AtomicI64,
}

impl EngineClock {
    /// Queries the engine's time, and starts a task that repeats this periodically.
    ///
    /// # Errors
    /// If the engine does not report its time.
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
                    tracing::debug!(%error, "query for the store engine's time failed");
                }
            }
        });
        Ok((clock, AbortOnDropHandle::new(keeper)))
    }

    /// Measures the difference to the engine's time. For a cluster it uses the median of all primaries, which a single wrong clock
    /// cannot change.
    async fn synchronize(&self, engine: &SharedEngine) -> StoreResult<()> {
        let asked = engine.primaries()?.into_iter().map(|node| self.difference(engine, node));
        let mut differences: Vec<_> =
            futures_util::future::join_all(asked).await.into_iter().flatten().collect();
        differences.sort_unstable();
        let Some(middle) = differences.get(differences.len() / 2) else { return Ok(()) };
        let before = self.ahead.swap(*middle, Ordering::Relaxed);
        let threshold = i64::try_from(WARNING_DIFFERENCE.as_millis()).unwrap_or(i64::MAX);
        if middle.abs() > threshold && (middle - before).abs() > threshold {
            tracing::warn!(
                milliseconds = middle,
                "store engine clock differs from local clock, codes and trials follow the engine clock"
            );
        }
        Ok(())
    }

    /// The number of milliseconds by which a node's clock is ahead, measured at the midpoint between request and response.
    async fn difference(&self, engine: &SharedEngine, node: Node) -> StoreResult<i64> {
        let before = self.own.now();
        let (seconds, microseconds): (u64, u64) = engine.send_to_node(&node, redis::cmd("TIME")).await?;
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
                self.own.sleep(left.min(MAX_SLEEP)).await;
            }
        })
    }

    fn sleep_until_instant(&self, deadline: MonotonicInstant) -> Sleep<'_> {
        self.own.sleep_until_instant(deadline)
    }
}
