//! The engine: routing, retries and errors of calls.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::{
    ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind, Value, aio::MultiplexedConnection,
};
use tokio::sync::Semaphore;

use super::{
    acknowledged::AcknowledgedWrites,
    cluster::Cluster,
    connect::PushSender,
    options::{Node, RedisOptions},
    script::EngineCall,
    single::SingleNode,
};
use crate::domain::{error::StoreError, port::StoreResult, randomness};

/// The maximum number of redirects of a call whose slot has moved or is moving.
const REDIRECTS: u32 = 16;

/// The backoff before a redirected call is sent again, multiplied by the number of redirects, and its maximum. In total, a call
/// with several keys waits about a second for its slot to move.
const REDIRECT_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_REDIRECT_PAUSE: Duration = Duration::from_millis(100);

/// The engine. It never repeats a call that may have been executed; that is the caller's decision.
pub(super) struct RedisEngine {
    link: EngineTopology,
    acknowledged: Option<AcknowledgedWrites>,
    options: RedisOptions,
    in_flight: Semaphore,
    closed: AtomicBool,
}

enum EngineTopology {
    Single(SingleNode),
    Cluster(Cluster),
}

/// The destination of the next attempt of a call.
enum CallTarget {
    /// The owner of its slot, by the slot map.
    Owner,
    /// The owner of its slot, by a `MOVED` redirect.
    Moved(Node),
    /// The node that is importing its slot, by an `ASK` redirect.
    Importing(Node),
}

impl RedisEngine {
    /// Connects to a cluster, or to the primary of a non-cluster engine.
    pub(super) async fn open(
        options: RedisOptions,
        is_cluster: bool,
        pushes: PushSender,
    ) -> RedisResult<Self> {
        let link = if is_cluster {
            EngineTopology::Cluster(Cluster::open(&options, pushes).await?)
        } else {
            EngineTopology::Single(SingleNode::open(options.clone(), pushes).await?)
        };
        let replicas = options.wait_replicas.unwrap_or(u32::from(is_cluster));
        Ok(Self {
            link,
            acknowledged: (replicas > 0).then(|| AcknowledgedWrites::new(options.clone(), replicas)),
            in_flight: Semaphore::new(options.max_in_flight),
            options,
            closed: AtomicBool::new(false),
        })
    }

    /// Makes a call without waiting for replicas: a read that may miss the latest writes, or a write that may be lost with its
    /// primary.
    pub(super) async fn call_unacknowledged<T: FromRedisValue>(&self, call: EngineCall) -> StoreResult<T> {
        self.perform(call, None).await
    }

    /// Makes a call and waits until the configured number of replicas have all data that it wrote or read. Data that a caller has
    /// seen must not disappear when the primary fails.
    pub(super) async fn call<T: FromRedisValue>(&self, call: EngineCall) -> StoreResult<T> {
        self.perform(call, self.acknowledged.as_ref()).await
    }

    async fn perform<T: FromRedisValue>(
        &self,
        call: EngineCall,
        by: Option<&AcknowledgedWrites>,
    ) -> StoreResult<T> {
        self.check_open()?;
        let Ok(_permit) = self.in_flight.try_acquire() else {
            return Err(StoreError::Unavailable(format!(
                "{} calls to the store are already in progress",
                self.options.max_in_flight
            )));
        };
        let value = self.send(&call, by).await.map_err(unavailable)?;
        T::from_redis_value(value).map_err(|error| StoreError::Corrupt(error.to_string()))
    }

    async fn send(&self, call: &EngineCall, by: Option<&AcknowledgedWrites>) -> RedisResult<Value> {
        let (mut target, mut whole) = (CallTarget::Owner, false);
        let mut redirects = 0;
        loop {
            let error = match self.send_once(call, by, &target, whole).await {
                Ok(value) => {
                    if let (CallTarget::Importing(_), Some(channel)) = (&target, call.channel()) {
                        self.signal_owner(channel).await;
                    }
                    return Ok(value);
                }
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::Server(ServerErrorKind::NoScript) if !whole => {
                    whole = true;
                    continue;
                }
                ErrorKind::Server(ServerErrorKind::Ask) => {
                    target = redirect_node(&error).map_or(CallTarget::Owner, CallTarget::Importing);
                }
                ErrorKind::Server(ServerErrorKind::Moved) => {
                    target = redirect_node(&error).map_or(CallTarget::Owner, CallTarget::Moved);
                }
                ErrorKind::Server(ServerErrorKind::TryAgain) => {}
                _ => return Err(error),
            }
            redirects += 1;
            if redirects > REDIRECTS {
                return Err(error);
            }
            if !matches!(target, CallTarget::Importing(_)) {
                let pause = (REDIRECT_PAUSE * redirects).min(LONGEST_REDIRECT_PAUSE);
                tokio::time::sleep(randomness::spread(&*self.options.randomness, pause)).await;
            }
        }
    }

    async fn send_once(
        &self,
        call: &EngineCall,
        by: Option<&AcknowledgedWrites>,
        target: &CallTarget,
        whole: bool,
    ) -> RedisResult<Value> {
        match (&self.link, by, target) {
            (EngineTopology::Single(single), by, _) => {
                let primary = single.primary()?;
                let outcome = match by {
                    Some(acknowledged) => acknowledged.send(&primary.node, call, whole, false).await,
                    None => {
                        let command = call.to_command(whole);
                        let sent = async |connection: &mut MultiplexedConnection| {
                            connection.send_packed_command(&command).await?.extract_error()
                        };
                        primary.connections.call(sent).await
                    }
                };
                outcome.inspect_err(|error| single.observe(error))
            }
            (EngineTopology::Cluster(cluster), Some(acknowledged), target) => {
                let (node, asking) = match target {
                    CallTarget::Owner => (cluster.primary_of(call.route())?, false),
                    CallTarget::Moved(node) => (node.clone(), false),
                    CallTarget::Importing(node) => (node.clone(), true),
                };
                acknowledged.send(&node, call, whole, asking).await.inspect_err(|error| {
                    cluster.observe(error);
                    acknowledged.retain(&cluster.primaries());
                })
            }
            (EngineTopology::Cluster(cluster), None, CallTarget::Importing(node)) => {
                cluster.ask(node, call, whole).await
            }
            (EngineTopology::Cluster(cluster), None, CallTarget::Moved(node)) => {
                cluster.call(node, call, whole).await
            }
            (EngineTopology::Cluster(cluster), None, CallTarget::Owner) => {
                cluster.call(&cluster.primary_of(call.route())?, call, whole).await
            }
        }
    }

    /// Publishes to a channel at the owner of its slot. The subscriptions stay with the owner until the slot has moved, and a
    /// change at the importing node is not published there.
    async fn signal_owner(&self, channel: &[u8]) {
        if let EngineTopology::Cluster(cluster) = &self.link
            && let Ok(node) = cluster.primary_of(channel)
        {
            // If this fails, either the subscription or the move ends, and both make watchers read again.
            let _ = cluster.send(&node, redis::cmd("SPUBLISH").arg(channel).arg("")).await;
        }
    }

    pub(super) fn primaries(&self) -> StoreResult<Vec<Node>> {
        self.check_open()?;
        match &self.link {
            EngineTopology::Single(single) => Ok(vec![single.primary().map_err(unavailable)?.node.clone()]),
            EngineTopology::Cluster(cluster) => Ok(cluster.primaries()),
        }
    }

    /// Sends a command to one primary.
    pub(super) async fn send_to_node<T: FromRedisValue>(
        &self,
        node: &Node,
        command: redis::Cmd,
    ) -> StoreResult<T> {
        self.check_open()?;
        let answer = match &self.link {
            EngineTopology::Single(single) => {
                let primary = single.primary().map_err(unavailable)?;
                let answer = primary.connections.shared().send_packed_command(&command).await;
                answer.and_then(Value::extract_error).inspect_err(|error| single.observe(error))
            }
            EngineTopology::Cluster(cluster) => cluster.send(node, &command).await,
        };
        T::from_redis_value(answer.map_err(unavailable)?)
            .map_err(|error| StoreError::Corrupt(error.to_string()))
    }

    /// Subscribes to a channel or unsubscribes from it.
    pub(super) async fn subscribe(&self, channel: &[u8], subscribe: bool) -> StoreResult<()> {
        let command = redis::cmd(if subscribe { "SSUBSCRIBE" } else { "SUNSUBSCRIBE" }).arg(channel).take();
        let node = match &self.link {
            EngineTopology::Single(single) => single.primary().map(|primary| primary.node.clone()),
            EngineTopology::Cluster(cluster) => cluster.primary_of(channel),
        };
        self.send_to_node::<Value>(&node.map_err(unavailable)?, command).await.map(drop)
    }

    /// Refuses all calls from now on.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// # Errors
    /// If the store is closed.
    pub(super) fn check_open(&self) -> StoreResult<()> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the store is closed".to_owned()));
        }
        Ok(())
    }
}

pub(super) type SharedEngine = Arc<RedisEngine>;

/// The node of a redirect: `host:port`, where an IPv6 address may have no brackets. `None` if the engine does not know its own name
/// (`cluster-preferred-endpoint-type unknown-endpoint`).
fn redirect_node(error: &RedisError) -> Option<Node> {
    let (address, _slot) = error.redirect_node()?;
    let (host, port) = address.rsplit_once(':')?;
    let host = host.trim_matches(['[', ']']);
    (!host.is_empty()).then_some(Node { host: host.to_owned(), port: port.parse().ok()? })
}

/// Converts an error of the engine to a text for the operator.
pub(super) fn unavailable(error: RedisError) -> StoreError {
    let text = match (error.code(), error.kind()) {
        (Some("OOM"), _) => format!(
            "the store's engine is out of memory; give it more memory, or lower codes.max_live_codes ({error})"
        ),
        (_, ErrorKind::Server(ServerErrorKind::NoPerm)) => {
            format!(
                "the store's engine denies a command to this user; grant the documented permissions ({error})"
            )
        }
        _ => format!("the store's engine failed: {error}"),
    };
    StoreError::Unavailable(text)
}
