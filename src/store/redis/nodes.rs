//! The connections to a cluster's nodes: one to each, made when it is first needed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use redis::{PushInfo, PushKind, RedisResult, aio::MultiplexedConnection};
use tokio::sync::OnceCell;

use super::{
    connect::Pushes,
    options::{Node, RedisOptions},
};

/// A connection, once it is made.
type Connection = Arc<OnceCell<MultiplexedConnection>>;

/// The connections to nodes.
pub(super) struct Nodes {
    options: RedisOptions,
    pushes: Pushes,
    connections: Mutex<HashMap<Node, Connection>>,
}

impl Nodes {
    pub(super) fn new(options: RedisOptions, pushes: Pushes) -> Self {
        Self { options, pushes, connections: Mutex::default() }
    }

    /// Uses the connection to a node. One that turns out to be lost is replaced at the next use.
    ///
    /// # Errors
    /// Those of `call`, and where no connection can be made.
    pub(super) async fn call<T>(
        &self,
        node: &Node,
        call: impl AsyncFnOnce(&mut MultiplexedConnection) -> RedisResult<T>,
    ) -> RedisResult<T> {
        let connection = {
            let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(connections.entry(node.clone()).or_default())
        };
        let connect = || self.options.connect(node, Some(self.pushes.clone()));
        let outcome = call(&mut connection.get_or_try_init(connect).await?.clone()).await;
        if outcome.as_ref().is_err_and(|error| error.is_connection_dropped()) {
            let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
            // Another caller may have replaced it already.
            if connections.get(node).is_some_and(|known| Arc::ptr_eq(known, &connection)) {
                connections.remove(node);
            }
        }
        outcome
    }

    /// Gives up the connection to a node that does not respond, or is no primary any more. Its subscriptions end with it.
    pub(super) fn leave(&self, node: &Node) {
        let left = self.connections.lock().unwrap_or_else(PoisonError::into_inner).remove(node);
        if left.is_some_and(|connection| connection.initialized()) {
            // The library says so only where the other side ends the connection.
            let _ = self.pushes.send(PushInfo { kind: PushKind::Disconnection, data: Vec::new() });
        }
    }
}
