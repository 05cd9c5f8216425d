//! The store over Redis 7 or later, or a compatible engine: one server, a primary with replicas, or a cluster. Any number of
//! passbridge processes share it.
//!
//! | module | purpose |
//! |---|---|
//! | `options`, `connect`, `node_connections`, `start_check` | connections, and checks of the engine at the start |
//! | `single`, `acknowledged`, `engine` | routing, retries and errors of calls |
//! | `cluster`, `slots`, `nodes` | the same for a cluster |
//! | `key`, `script`, `scripts/` | the layout of keys, and atomic scripts |
//! | `codes`, `code_value`, `live_count` | codes, and the number of live ones |
//! | `ledger`, `limits` | the `Ledger` and `Limits` ports |
//! | `trials`, `cell` | trials, and atomic changes across slots |
//! | `transfer` | copies to and from other stores |
//! | `audit_stream` | the audit log, if it is written to the engine |
//! | `signals` | signals of changes to watchers |
//! | `clock` | the engine's time |
//! | `scan` | iteration over keys |

mod acknowledged;
mod audit_stream;
mod cell;
mod clock;
mod cluster;
mod code_value;
mod codes;
mod connect;
mod engine;
mod key;
mod ledger;
mod limits;
mod live_count;
mod node_connections;
mod nodes;
mod options;
mod scan;
mod script;
mod signals;
mod single;
mod slots;
mod start_check;
#[cfg(test)]
mod tests;
mod transfer;
mod trials;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::try_join_all;
use tokio::sync::mpsc;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use self::{
    clock::EngineClock,
    engine::{RedisEngine, SharedEngine, unavailable},
    live_count::LiveCounts,
    script::EngineCall,
    signals::ChannelSignals,
};
use super::memory::MemoryLimits;
use crate::domain::{
    clock::SharedClock,
    error::StoreError,
    id::EnvironmentName,
    port::{Store, StoreHealth, StoreResult},
};
pub use options::{EngineTls, Node, ReadPassword, RedisOptions};
pub use start_check::RedisOpenError;

/// The maximum time that closing the store waits for background work.
const FINISH_MAX: Duration = Duration::from_secs(5);

/// A handle to the store over Redis, cheap to clone.
#[derive(Clone)]
pub struct RedisStore(Arc<RedisStoreState>);

struct RedisStoreState {
    engine: SharedEngine,
    signals: ChannelSignals,
    clock: Arc<EngineClock>,
    _keeper: AbortOnDropHandle<()>,
    live_counts: Arc<LiveCounts>,
    own_limits: MemoryLimits,
    options: RedisOptions,
    /// The environments that this process has listed in the engine.
    environments: Mutex<HashSet<EnvironmentName>>,
    tasks: TaskTracker,
}

impl RedisStore {
    /// Connects to the engine.
    ///
    /// # Errors
    /// If the engine cannot be reached or does not meet the requirements.
    pub async fn open(options: RedisOptions) -> Result<Self, RedisOpenError> {
        let facts = start_check::examine(&options).await?;
        let failed = |error: StoreError| RedisOpenError::Failed(error.to_string());
        let (pushes, pushed) = mpsc::unbounded_channel();
        let engine = RedisEngine::open(options.clone(), facts.is_cluster, pushes).await;
        let engine = Arc::new(engine.map_err(|error| failed(unavailable(error)))?);
        let (clock, keeper) =
            EngineClock::start(Arc::clone(&options.clock), Arc::clone(&engine)).await.map_err(failed)?;
        Ok(Self(Arc::new(RedisStoreState {
            signals: ChannelSignals::start(Arc::clone(&engine), &options, pushed),
            live_counts: LiveCounts::new(Arc::clone(&engine)),
            engine,
            clock,
            _keeper: keeper,
            own_limits: MemoryLimits::new(&options.clock),
            options,
            environments: Mutex::default(),
            tasks: TaskTracker::new(),
        })))
    }

    /// The store's ports.
    #[must_use]
    pub fn ports(&self) -> Store {
        Store {
            codes: Arc::new(self.clone()),
            trials: Arc::new(self.clone()),
            ledger: Arc::new(self.clone()),
            limits: Arc::new(self.clone()),
            transfer: Arc::new(self.clone()),
            health: Arc::new(self.clone()),
        }
    }

    /// The engine's clock, on which replicas agree even if their own clocks differ.
    #[must_use]
    pub fn clock(&self) -> SharedClock {
        self.0.clock.clone()
    }

    fn engine(&self) -> &RedisEngine {
        &self.0.engine
    }

    fn signals(&self) -> &ChannelSignals {
        &self.0.signals
    }

    fn live_counts(&self) -> &Arc<LiveCounts> {
        &self.0.live_counts
    }

    fn own_limits(&self) -> &MemoryLimits {
        &self.0.own_limits
    }

    fn options(&self) -> &RedisOptions {
        &self.0.options
    }

    fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
    }

    /// Lists an environment in the engine, unless this process has already done so.
    async fn register_environment(&self, environment: &EnvironmentName) -> StoreResult<()> {
        let is_known = |known: &Mutex<HashSet<EnvironmentName>>| {
            known.lock().unwrap_or_else(PoisonError::into_inner).contains(environment)
        };
        if is_known(&self.0.environments) {
            return self.engine().check_open();
        }
        let list = EngineCall::command("SADD", [key::ENVIRONMENTS.to_vec()]).arg(environment.as_str());
        self.engine().call::<u64>(list).await?;
        self.0.environments.lock().unwrap_or_else(PoisonError::into_inner).insert(environment.clone());
        Ok(())
    }
}

#[async_trait]
impl StoreHealth for RedisStore {
    async fn check(&self) -> StoreResult<()> {
        let primaries = self.engine().primaries()?;
        let pings =
            primaries.iter().map(|node| self.engine().send_to_node::<String>(node, redis::cmd("PING")));
        try_join_all(pings).await.map(drop)
    }

    /// Never completes: the store recovers when the engine is reachable again.
    async fn write_failure(&self) -> StoreError {
        std::future::pending().await
    }

    async fn close(&self) -> StoreResult<()> {
        self.tasks().close();
        if tokio::time::timeout(FINISH_MAX, self.tasks().wait()).await.is_err() {
            tracing::warn!("store closed before its background work was complete");
        }
        self.signals().close();
        self.engine().close();
        Ok(())
    }
}
