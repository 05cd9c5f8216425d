//! The connections to a cluster's nodes, made when they are first needed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use redis::{PushInfo, PushKind, RedisResult};
use tokio::sync::OnceCell;

use super::{
    connect::Pushes,
    node_connections::NodeConnections,
    options::{Node, RedisOptions},
};

/// The connections to a node, once the first is made.
type Connections = Arc<OnceCell<NodeConnections>>;

/// The connections to nodes.
pub(super) struct Nodes {
    options: RedisOptions,
    pushes: Pushes,
    known: Mutex<HashMap<Node, Connections>>,
}

impl Nodes {
    pub(super) fn new(options: RedisOptions, pushes: Pushes) -> Self {
        Self { options, pushes, known: Mutex::default() }
    }

    /// Uses the connections to a node. Those that turn out to be lost are replaced at the next use.
    ///
    /// # Errors
    /// Those of `call`, and where no connection can be made.
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

    /// Gives up the connections to a node that does not respond, or is no primary any more. Subscriptions there end with them.
    pub(super) fn leave(&self, node: &Node) {
        let left = self.lock().remove(node);
        if left.is_some_and(|connections| connections.initialized()) {
            // The library says so only where the other side ends the connection.
            let _ = self.pushes.send(PushInfo { kind: PushKind::Disconnection, data: Vec::new() });
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Node, Connections>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
