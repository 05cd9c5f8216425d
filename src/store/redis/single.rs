//! The primary of an engine that is not a cluster: one server, or a primary with replicas.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind, Value, aio::MultiplexedConnection};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use super::{
    connect::PushSender,
    node_connections::NodeConnections,
    options::{Node, RedisOptions},
};
use crate::domain::randomness;

/// The interval of health probes, which check that the node still is a primary.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// The timeout of a health probe.
const PROBE_TIMEOUT: Duration = Duration::from_millis(700);

/// The first and the maximum pause between searches for a primary. The pause doubles each time (exponential backoff).
const SEARCH_BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// The connection to the primary. A background task connects and reconnects; calls fail immediately while there is no
/// connection.
pub(super) struct SingleNode {
    shared: Arc<SingleNodeState>,
    _keeper: AbortOnDropHandle<()>,
}

struct SingleNodeState {
    options: RedisOptions,
    pushes: PushSender,
    present: ArcSwapOption<Primary>,
    /// The reason why no primary is connected.
    reason: Mutex<String>,
    /// Triggers an early health probe of the primary.
    probe_now: Notify,
}

/// A primary and the connections to it.
pub(super) struct Primary {
    pub node: Node,
    pub connections: NodeConnections,
}

impl SingleNode {
    /// Finds and connects to the primary, and starts the background task.
    ///
    /// # Errors
    /// If no node is a primary.
    pub(super) async fn open(options: RedisOptions, pushes: PushSender) -> RedisResult<Self> {
        let shared = Arc::new(SingleNodeState {
            options,
            pushes,
            present: ArcSwapOption::empty(),
            reason: Mutex::new("not connected yet".to_owned()),
            probe_now: Notify::new(),
        });
        let first = shared.find().await?;
        shared.present.store(Some(Arc::new(first)));
        let keeper = AbortOnDropHandle::new(tokio::spawn(Arc::clone(&shared).keep()));
        Ok(Self { shared, _keeper: keeper })
    }

    /// The connected primary.
    ///
    /// # Errors
    /// If no primary is connected: the reason.
    pub(super) fn primary(&self) -> RedisResult<Arc<Primary>> {
        self.shared.present.load_full().ok_or_else(|| {
            let reason = self.shared.reason.lock().unwrap_or_else(PoisonError::into_inner).clone();
            (ErrorKind::Io, "no primary is connected", reason).into()
        })
    }

    /// Reports the error of a call. If it indicates that the primary is lost, triggers a health probe.
    pub(super) fn observe(&self, error: &RedisError) {
        let lost = error.is_connection_dropped()
            || error.is_unrecoverable_error()
            || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly);
        if lost {
            self.shared.probe_now.notify_one();
        }
    }
}

impl SingleNodeState {
    async fn keep(self: Arc<Self>) {
        loop {
            self.probe_until_lost().await;
            self.present.store(None);
            let mut pause = SEARCH_BACKOFF.0;
            loop {
                match self.find().await {
                    Ok(primary) => {
                        tracing::info!(node = %primary.node, "store primary connected");
                        self.present.store(Some(Arc::new(primary)));
                        break;
                    }
                    Err(error) => self.fail(&error),
                }
                let wait = randomness::spread(&*self.options.randomness, pause);
                tokio::time::sleep(wait).await;
                pause = (pause * 2).min(SEARCH_BACKOFF.1);
            }
        }
    }

    /// Probes the primary until it is lost.
    async fn probe_until_lost(&self) {
        while let Some(primary) = self.present.load_full() {
            tokio::select! {
                () = tokio::time::sleep(PROBE_INTERVAL) => {}
                () = self.probe_now.notified() => {}
            }
            let asked = tokio::time::timeout(PROBE_TIMEOUT, is_primary(primary.connections.shared())).await;
            match asked {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return self.fail(&not_a_primary(&primary.node)),
                Ok(Err(error)) => return self.fail(&error),
                Err(_) => {
                    return self.fail(&(ErrorKind::Io, "the primary does not respond").into());
                }
            }
        }
    }

    fn fail(&self, error: &RedisError) {
        let reason = error.to_string();
        let mut known = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if *known != reason {
            tracing::warn!(%reason, "store primary unreachable");
            *known = reason;
        }
    }

    /// Connects to the first node that is a primary.
    async fn find(&self) -> RedisResult<Primary> {
        let mut last = RedisError::from((ErrorKind::InvalidClientConfig, "no nodes are configured"));
        for node in &self.options.nodes {
            match self.try_node(node).await {
                Ok(primary) => return Ok(primary),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn try_node(&self, node: &Node) -> RedisResult<Primary> {
        let connections = NodeConnections::open(&self.options, node, self.pushes.clone()).await?;
        if is_primary(connections.shared()).await? {
            Ok(Primary { node: node.clone(), connections })
        } else {
            Err(not_a_primary(node))
        }
    }
}

fn not_a_primary(node: &Node) -> RedisError {
    (ErrorKind::Io, "no node is a primary", format!("{node} is a replica")).into()
}

async fn is_primary(mut connection: MultiplexedConnection) -> RedisResult<bool> {
    let role: Vec<Value> = redis::cmd("ROLE").query_async(&mut connection).await?;
    Ok(matches!(role.first(), Some(Value::BulkString(role)) if role == b"master"))
}
