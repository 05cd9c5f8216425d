//! The primary among nodes that are no cluster: one server, or one with replicas.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind, Value, aio::MultiplexedConnection};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use super::{
    connect::Pushes,
    node_connections::NodeConnections,
    options::{Node, RedisOptions},
};
use crate::domain::randomness;

/// How often the primary is asked whether it still is one.
const PULSE: Duration = Duration::from_secs(1);

/// How long it may take to answer that.
const PULSE_TIMEOUT: Duration = Duration::from_millis(700);

/// How long between two searches for a primary: twice as long each time, up to the second of these.
const SEARCH_PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// The connection to the primary, which a task of its own makes and renews: who calls while there is none gets an error at
/// once.
pub(super) struct Single {
    shared: Arc<Shared>,
    _keeper: AbortOnDropHandle<()>,
}

struct Shared {
    options: RedisOptions,
    pushes: Pushes,
    present: ArcSwapOption<Primary>,
    /// Why there is none.
    reason: Mutex<String>,
    /// That the present one is in doubt.
    doubt: Notify,
}

/// A primary, with the connections to it.
pub(super) struct Primary {
    pub node: Node,
    pub connections: NodeConnections,
}

impl Single {
    /// Looks for the primary, and keeps to it from then on.
    ///
    /// # Errors
    /// Where none of the nodes is one now.
    pub(super) async fn open(options: RedisOptions, pushes: Pushes) -> RedisResult<Self> {
        let shared = Arc::new(Shared {
            options,
            pushes,
            present: ArcSwapOption::empty(),
            reason: Mutex::new("it was not connected to yet".to_owned()),
            doubt: Notify::new(),
        });
        let first = shared.find().await?;
        shared.present.store(Some(Arc::new(first)));
        let keeper = AbortOnDropHandle::new(tokio::spawn(Arc::clone(&shared).keep()));
        Ok(Self { shared, _keeper: keeper })
    }

    /// The primary.
    ///
    /// # Errors
    /// Where there is none at the moment: why.
    pub(super) fn primary(&self) -> RedisResult<Arc<Primary>> {
        self.shared.present.load_full().ok_or_else(|| {
            let reason = self.shared.reason.lock().unwrap_or_else(PoisonError::into_inner).clone();
            (ErrorKind::Io, "no primary is connected", reason).into()
        })
    }

    /// Says what came of a call, so that a primary that is none any more is left at once.
    pub(super) fn observe(&self, error: &RedisError) {
        let lost = error.is_connection_dropped()
            || error.is_unrecoverable_error()
            || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly);
        if lost {
            self.shared.doubt.notify_one();
        }
    }
}

impl Shared {
    async fn keep(self: Arc<Self>) {
        loop {
            self.stay().await;
            self.present.store(None);
            let mut pause = SEARCH_PAUSE.0;
            loop {
                match self.find().await {
                    Ok(primary) => {
                        tracing::info!(node = %primary.node, "connected to the store's primary");
                        self.present.store(Some(Arc::new(primary)));
                        break;
                    }
                    Err(error) => self.fail(&error),
                }
                let wait = randomness::spread(&*self.options.randomness, pause);
                tokio::time::sleep(wait).await;
                pause = (pause * 2).min(SEARCH_PAUSE.1);
            }
        }
    }

    /// Completes when the present primary is lost.
    async fn stay(&self) {
        while let Some(primary) = self.present.load_full() {
            tokio::select! {
                () = tokio::time::sleep(PULSE) => {}
                () = self.doubt.notified() => {}
            }
            let asked = tokio::time::timeout(PULSE_TIMEOUT, is_primary(primary.connections.shared())).await;
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
            tracing::warn!(%reason, "the store's primary is not reachable");
            *known = reason;
        }
    }

    /// The first of the nodes that is a primary.
    async fn find(&self) -> RedisResult<Primary> {
        let mut last = RedisError::from((ErrorKind::InvalidClientConfig, "there are no nodes"));
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
