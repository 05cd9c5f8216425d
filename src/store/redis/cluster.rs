//! A cluster: its slot map, and health probes of its primaries.
//!
//! The library's own cluster connection searches for a new primary only after a redirect, and blocks all calls while it searches.
//! Here, a background task queries all nodes concurrently as soon as a call meets an unexpected error, and other calls continue.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use futures_util::future::{join, join_all};
use redis::{
    Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};
use tokio::{sync::Notify, time::timeout};
use tokio_util::task::AbortOnDropHandle;

use super::{
    connect::PushSender,
    node_connections::NodeConnections,
    nodes::Nodes,
    options::{Node, RedisOptions},
    script::EngineCall,
    slots::{SlotMap, slot_of},
};

/// The interval of health probes of the primaries, and the shorter interval while a primary does not respond or a call has met an
/// unexpected error.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
const MIN_PROBE_INTERVAL: Duration = Duration::from_millis(100);

/// The timeout of a health probe and of a query for the slots.
const PROBE_TIMEOUT: Duration = Duration::from_millis(700);

/// The number of rounds after which the slots are queried even without an error, to discover new replicas.
const ROUNDS: u32 = 30;

pub(super) struct Cluster {
    shared: Arc<ClusterState>,
    _keeper: AbortOnDropHandle<()>,
}

struct ClusterState {
    /// The configured nodes.
    seeds: Vec<Node>,
    nodes: Nodes,
    slots: ArcSwap<SlotMap>,
    silent: Mutex<HashSet<Node>>,
    /// Triggers an early round after an unexpected error.
    probe_now: Notify,
}

impl Cluster {
    /// Connects to the cluster.
    ///
    /// # Errors
    /// If none of the configured nodes responds.
    pub(super) async fn open(options: &RedisOptions, pushes: PushSender) -> RedisResult<Self> {
        let shared = Arc::new(ClusterState {
            seeds: options.nodes.clone(),
            nodes: Nodes::new(options.clone(), pushes),
            slots: ArcSwap::default(),
            silent: Mutex::default(),
            probe_now: Notify::new(),
        });
        let slots = shared.ask_for_slots().await?;
        shared.slots.store(Arc::new(slots));
        let keeper = AbortOnDropHandle::new(tokio::spawn(Arc::clone(&shared).keep()));
        Ok(Self { shared, _keeper: keeper })
    }

    pub(super) fn primaries(&self) -> Vec<Node> {
        self.shared.slots.load().primaries()
    }

    /// The primary that serves a key, by the slot map.
    ///
    /// # Errors
    /// If no primary serves the slot, or the primary does not respond.
    pub(super) fn primary_of(&self, key: &[u8]) -> RedisResult<Node> {
        let slots = self.shared.slots.load();
        let Some(primary) = slots.primary_of(slot_of(key)) else {
            self.shared.probe_now.notify_one();
            return Err((ErrorKind::ClusterConnectionNotFound, "no primary serves the slot").into());
        };
        if self.shared.silent().contains(primary) {
            return Err((ErrorKind::Io, "the primary does not respond", primary.to_string()).into());
        }
        Ok(primary.clone())
    }

    /// Sends a command to a node, over the connection that carries the subscriptions.
    pub(super) async fn send(&self, node: &Node, command: &Cmd) -> RedisResult<Value> {
        self.shared.send(node, command).await.inspect_err(|error| self.observe(error))
    }

    /// Sends a call to a node.
    pub(super) async fn call(&self, node: &Node, call: &EngineCall, whole: bool) -> RedisResult<Value> {
        let command = call.to_command(whole);
        let sent = async |connection: &mut MultiplexedConnection| {
            connection.send_packed_command(&command).await?.extract_error()
        };
        let called = self.shared.nodes.call(node, async |connections| connections.call(sent).await).await;
        called.inspect_err(|error| self.observe(error))
    }

    /// Sends a call to a node that is importing its slot (`ASKING`).
    pub(super) async fn ask(&self, node: &Node, call: &EngineCall, whole: bool) -> RedisResult<Value> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("ASKING").add_command(call.to_command(whole));
        let asked = async |connection: &mut MultiplexedConnection| {
            let mut answers = connection.req_packed_commands(&pipeline, 1, 1).await?;
            answers.pop().unwrap_or(Value::Nil).extract_error()
        };
        let called = self.shared.nodes.call(node, async |connections| connections.call(asked).await).await;
        called.inspect_err(|error| self.observe(error))
    }

    /// Reports the error of a call. If it indicates that the slot map may be outdated, triggers a round of probes.
    pub(super) fn observe(&self, error: &RedisError) {
        use ServerErrorKind::{ClusterDown, MasterDown, Moved, ReadOnly};
        if matches!(
            error.kind(),
            ErrorKind::Io | ErrorKind::Server(Moved | ClusterDown | MasterDown | ReadOnly)
        ) {
            self.shared.probe_now.notify_one();
        }
    }
}

impl ClusterState {
    fn silent(&self) -> std::sync::MutexGuard<'_, HashSet<Node>> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, node: &Node, command: &Cmd) -> RedisResult<Value> {
        let sent = async |connections: &NodeConnections| {
            connections.shared().send_packed_command(command).await?.extract_error()
        };
        self.nodes.call(node, sent).await
    }

    /// Probes the primaries and updates the slot map, in rounds.
    async fn keep(self: Arc<Self>) {
        let mut rounds = 0;
        loop {
            tokio::time::sleep(MIN_PROBE_INTERVAL).await;
            let calm = self.silent().is_empty();
            let is_early = !calm
                || timeout(PROBE_INTERVAL - MIN_PROBE_INTERVAL, self.probe_now.notified()).await.is_ok();
            rounds += 1;
            if is_early || rounds >= ROUNDS {
                rounds = 0;
                let (silent, slots) = join(self.silent_primaries(), self.ask_for_slots()).await;
                self.mark_silent(silent);
                match slots {
                    Ok(slots) => self.update_slots(slots),
                    Err(error) => tracing::debug!(%error, "query for the store cluster's slots failed"),
                }
            } else {
                self.mark_silent(self.silent_primaries().await);
            }
        }
    }

    /// The primaries that do not respond in time.
    async fn silent_primaries(&self) -> HashSet<Node> {
        let primaries = self.slots.load().primaries();
        let is_silent = |node: Node| async move {
            let ping = redis::cmd("PING");
            let answered = matches!(timeout(PROBE_TIMEOUT, self.send(&node, &ping)).await, Ok(Ok(_)));
            (!answered).then_some(node)
        };
        join_all(primaries.into_iter().map(is_silent)).await.into_iter().flatten().collect()
    }

    /// Stops calling these primaries until they respond.
    fn mark_silent(&self, silent: HashSet<Node>) {
        // The network path may have changed, so the next attempt uses a new connection.
        silent.iter().for_each(|node| self.nodes.leave(node));
        let mut known = self.silent();
        for node in silent.difference(&known) {
            tracing::warn!(%node, "store primary does not respond");
        }
        for node in known.difference(&silent) {
            tracing::info!(%node, "store primary responds again or was replaced");
        }
        *known = silent;
    }

    /// The slot map that most of the responding nodes report.
    ///
    /// # Errors
    /// If no node reports a slot map in time.
    async fn ask_for_slots(&self) -> RedisResult<SlotMap> {
        let known = self.slots.load_full();
        let nodes: HashSet<_> = self.seeds.iter().chain(known.nodes()).cloned().collect();
        let ask = |node: Node| async move {
            let question = redis::cmd("CLUSTER").arg("SLOTS").take();
            let answer = timeout(PROBE_TIMEOUT, self.send(&node, &question)).await;
            SlotMap::parse(answer.map_err(|_| no_answer(&node))??, &node)
        };
        let answers = join_all(nodes.into_iter().map(ask)).await;
        let mut last = RedisError::from((ErrorKind::ClusterConnectionNotFound, "no node serves a slot"));
        let reported = answers.into_iter().filter_map(|answer| answer.map_err(|error| last = error).ok());
        SlotMap::agreed(reported.collect()).ok_or(last)
    }

    fn update_slots(&self, slots: SlotMap) {
        let primaries = slots.primaries();
        let before = self.slots.swap(Arc::new(slots)).primaries();
        for node in before.iter().filter(|node| !primaries.contains(node)) {
            tracing::info!(%node, "store node is no longer a primary");
            self.nodes.leave(node);
        }
        for node in primaries.iter().filter(|node| !before.contains(node)) {
            tracing::info!(%node, "store node is now a primary");
        }
    }
}

fn no_answer(node: &Node) -> RedisError {
    (ErrorKind::Io, "the node does not respond", node.to_string()).into()
}
