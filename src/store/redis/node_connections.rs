//! The connections to one node: a shared one, and one for each calling thread.
//!
//! A call over the shared connection, and its response, pass through the thread that created the connection. A call over the
//! thread's own connection stays on its thread, and is sent together with the other calls of the same event loop turn.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, ThreadId},
};

use redis::{RedisResult, aio::MultiplexedConnection};

use super::{
    connect::PushSender,
    options::{Node, RedisOptions},
};

pub(super) struct NodeConnections {
    options: RedisOptions,
    node: Node,
    shared: MultiplexedConnection,
    own: Arc<Mutex<HashMap<ThreadId, OwnConnection>>>,
}

/// A thread's connection.
enum OwnConnection {
    Connecting,
    Connected(MultiplexedConnection),
}

impl NodeConnections {
    /// Connects to a node. Push messages on the shared connection are forwarded to `pushes`.
    ///
    /// # Errors
    /// If the connection cannot be established.
    pub(super) async fn open(options: &RedisOptions, node: &Node, pushes: PushSender) -> RedisResult<Self> {
        let shared = options.connect(node, Some(pushes)).await?;
        Ok(Self { options: options.clone(), node: node.clone(), shared, own: Arc::default() })
    }

    /// The connection that all threads may use. It carries the subscriptions.
    pub(super) fn shared(&self) -> MultiplexedConnection {
        self.shared.clone()
    }

    /// Runs `call` with this thread's connection, or with the shared one while the thread has none.
    ///
    /// # Errors
    /// The errors of `call`.
    pub(super) async fn call<T>(
        &self,
        call: impl AsyncFnOnce(&mut MultiplexedConnection) -> RedisResult<T>,
    ) -> RedisResult<T> {
        let thread = thread::current().id();
        let outcome = call(&mut self.own(thread)).await;
        // Only the shared connection is probed. A dead connection of a thread is detected by its calls alone.
        if outcome.as_ref().is_err_and(|error| error.is_connection_dropped() || error.is_timeout()) {
            lock(&self.own).remove(&thread);
        }
        outcome
    }

    fn own(&self, thread: ThreadId) -> MultiplexedConnection {
        let mut own = lock(&self.own);
        match own.get(&thread) {
            Some(OwnConnection::Connected(connection)) => return connection.clone(),
            Some(OwnConnection::Connecting) => {}
            None => {
                own.insert(thread, OwnConnection::Connecting);
                let (options, node, own) = (self.options.clone(), self.node.clone(), Arc::clone(&self.own));
                tokio::spawn(async move {
                    let connected = options.connect(&node, None).await;
                    let mut own = lock(&own);
                    match connected {
                        Ok(connection) => own.insert(thread, OwnConnection::Connected(connection)),
                        // The next call tries again.
                        Err(_) => own.remove(&thread),
                    };
                });
            }
        }
        self.shared()
    }
}

fn lock(
    own: &Mutex<HashMap<ThreadId, OwnConnection>>,
) -> std::sync::MutexGuard<'_, HashMap<ThreadId, OwnConnection>> {
    own.lock().unwrap_or_else(PoisonError::into_inner)
}
