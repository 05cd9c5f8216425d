//! The connections to a cluster's nodes, created on first use.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use redis::{PushInfo, PushKind, RedisResult};
use tokio::sync::OnceCell;

use super::{
    connect::PushSender,
    node_connections::NodeConnections,
    options::{Node, RedisOptions},
};

/// The connections to a node, initialized on first use.
type Connections = Arc<OnceCell<NodeConnections>>;

/// The connections to the nodes of a cluster.
pub(super) struct Nodes {
    options: RedisOptions,
    pushes: PushSender,
    known: Mutex<HashMap<Node, Connections>>,
}

impl Nodes {
    pub(super) fn new(options: RedisOptions, pushes: PushSender) -> Self {
        Self { options, pushes, known: Mutex::default() }
    }

    /// Runs `call` with the connections to a node. Lost connections are replaced on the next use.
    ///
    /// # Errors
    /// The errors of `call`, or if no connection can be established.
    pub(super) async fn call<T>(
        &self,
        node: &Node,
        call: impl AsyncFnOnce(&NodeConnections) -> RedisResult<T>,
    ) -> RedisResult<T> {
        let connections = Arc::clone(self.lock().entry(node.clone()).or_default());
        let connect = || NodeConnections::open(&self.options, node, self.pushes.clone());
        let outcome = call(connections.get_or_try_init(connect).await?).await;
        if outcome.as_ref().is_err_and(|error| error.is_connection_dropped()) {
            let mut known = self.lock();
            // Another caller may have replaced them already.
            if known.get(node).is_some_and(|known| Arc::ptr_eq(known, &connections)) {
                known.remove(node);
            }
        }
        outcome
    }

    /// Closes the connections to a node that does not respond or is no longer a primary. Its subscriptions end with them.
    pub(super) fn leave(&self, node: &Node) {
        let left = self.lock().remove(node);
        if left.is_some_and(|connections| connections.initialized()) {
            // The library reports a disconnection only if the other side closes the connection.
            let _ = self.pushes.send(PushInfo { kind: PushKind::Disconnection, data: Vec::new() });
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Node, Connections>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
