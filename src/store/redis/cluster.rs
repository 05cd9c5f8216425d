//! A cluster: which node has which slot, and whether its primaries respond.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use futures_util::future::join_all;
use redis::{
    ErrorKind, RedisResult, Value,
    cluster_async::ClusterConnection,
    cluster_read_routing::{
        ClusterTopology, ReadCandidates, ReadRoutingStrategy, ReadRoutingStrategyFactory,
    },
    cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    connect::Pushes,
    options::{Node, RedisOptions},
    script::Call,
};

/// How many slots a cluster has.
const SLOTS: u16 = 16_384;

/// How often each primary is pinged, and how long its answer may take.
const PULSE: Duration = Duration::from_secs(1);
const PULSE_TIMEOUT: Duration = Duration::from_millis(700);

/// A cluster.
pub(super) struct Cluster {
    connection: ClusterConnection,
    topology: Topology,
    silent: Arc<Mutex<HashSet<Node>>>,
    _pulse: AbortOnDropHandle<()>,
}

/// Which node has which slot, as the library learns it.
#[derive(Clone)]
struct Topology(Arc<ArcSwapOption<ClusterTopology>>);

/// Makes what the library tells its topology; every connection's tells the same place.
struct TopologyReader(Topology);

impl ReadRoutingStrategyFactory for TopologyReader {
    fn create_strategy(&self) -> Box<dyn ReadRoutingStrategy> {
        Box::new(self.0.clone())
    }
}

/// Everything is read from primaries: a replica may not have yet what was acknowledged.
impl ReadRoutingStrategy for Topology {
    fn on_topology_changed(&self, topology: ClusterTopology) {
        self.0.store(Some(Arc::new(topology)));
    }

    fn route_read<'a>(&self, candidates: &ReadCandidates<'a>) -> &'a redis::cluster::NodeAddress {
        match candidates {
            ReadCandidates::AnyNode(nodes) => nodes.primary(),
            ReadCandidates::ReplicasOnly(nodes) => nodes.replicas().first(),
        }
    }
}

impl Topology {
    fn primaries(&self) -> Vec<Node> {
        let topology = self.0.load();
        topology.iter().flat_map(|topology| topology.shards()).map(|shard| node(shard.primary())).collect()
    }

    fn primary_of(&self, key: &[u8]) -> Option<Node> {
        let slot = crc16::State::<crc16::XMODEM>::calculate(hash_tag(key)) % SLOTS;
        self.0.load().as_ref()?.shard_for_slot(slot).map(|shard| node(shard.primary()))
    }
}

fn node(address: &redis::cluster::NodeAddress) -> Node {
    Node { host: address.host().to_owned(), port: address.port() }
}

/// What of a key says its slot: what stands between the first braces, if anything does (Redis cluster specification, hash tags).
fn hash_tag(key: &[u8]) -> &[u8] {
    let tag = || {
        let start = key.iter().position(|byte| *byte == b'{')? + 1;
        let length = key[start..].iter().position(|byte| *byte == b'}')?;
        (length > 0).then(|| &key[start..start + length])
    };
    tag().unwrap_or(key)
}

fn at(node: &Node) -> SingleNodeRoutingInfo {
    SingleNodeRoutingInfo::ByAddress { host: node.host.clone(), port: node.port }
}

impl Cluster {
    /// Connects to the nodes.
    ///
    /// # Errors
    /// Where none of those that the options name answers.
    pub(super) async fn open(options: &RedisOptions, pushes: Pushes) -> RedisResult<Self> {
        let topology = Topology(Arc::default());
        let client = options
            .cluster_builder(pushes)?
            .read_routing_strategy(TopologyReader(topology.clone()))
            .build()?;
        let connection = client.get_async_connection().await?;
        let silent = Arc::default();
        let pulse =
            Pulse { connection: connection.clone(), topology: topology.clone(), silent: Arc::clone(&silent) };
        let pulse = AbortOnDropHandle::new(tokio::spawn(pulse.run()));
        Ok(Self { connection, topology, silent, _pulse: pulse })
    }

    /// All primaries.
    pub(super) fn primaries(&self) -> Vec<Node> {
        self.topology.primaries()
    }

    /// The primary that has a key now, as far as is known.
    ///
    /// # Errors
    /// Where none has, or it does not respond.
    pub(super) fn primary_of(&self, key: &[u8]) -> RedisResult<Node> {
        let Some(primary) = self.topology.primary_of(key) else {
            return Err((ErrorKind::ClusterConnectionNotFound, "no primary serves a slot").into());
        };
        if self.silent.lock().unwrap_or_else(PoisonError::into_inner).contains(&primary) {
            return Err((ErrorKind::Io, "a primary does not respond", primary.to_string()).into());
        }
        Ok(primary)
    }

    /// Sends a call to the primary that has its key.
    pub(super) async fn send(&self, call: &Call, whole: bool) -> RedisResult<Value> {
        self.primary_of(call.route())?;
        let route = Route::with_key(call.route(), SlotAddr::Master);
        let route = RoutingInfo::SingleNode(SingleNodeRoutingInfo::SpecificNode(route));
        self.connection.clone().route_command(call.to_command(whole), route).await?.extract_error()
    }

    /// Sends a call to a node that is taking its slot over and has said so.
    pub(super) async fn ask(&self, node: &Node, call: &Call, whole: bool) -> RedisResult<Value> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("ASKING").ignore().add_command(call.to_command(whole));
        let answers = self.connection.clone().route_pipeline(pipeline, 1, 1, at(node)).await?;
        answers.into_iter().next_back().unwrap_or(Value::Nil).extract_error()
    }

    /// Subscribes to a channel, or ends that.
    pub(super) async fn subscribe(&self, channel: &[u8], subscribe: bool) -> RedisResult<()> {
        self.primary_of(channel)?;
        let mut connection = self.connection.clone();
        if subscribe { connection.ssubscribe(channel).await } else { connection.sunsubscribe(channel).await }
    }

    /// Sends a command to one node.
    pub(super) async fn send_to(&self, node: &Node, command: redis::Cmd) -> RedisResult<Value> {
        let route = RoutingInfo::SingleNode(at(node));
        self.connection.clone().route_command(command, route).await?.extract_error()
    }
}

/// Pings every primary.
struct Pulse {
    connection: ClusterConnection,
    topology: Topology,
    silent: Arc<Mutex<HashSet<Node>>>,
}

impl Pulse {
    async fn run(self) {
        loop {
            tokio::time::sleep(PULSE).await;
            let primaries = self.topology.primaries();
            let silent = join_all(primaries.into_iter().map(|node| self.is_silent(node))).await;
            let silent: HashSet<_> = silent.into_iter().flatten().collect();
            let mut known = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
            for node in silent.difference(&known) {
                tracing::warn!(%node, "a primary of the store does not respond");
            }
            for node in known.difference(&silent) {
                tracing::info!(%node, "a primary of the store responds again, or is no primary any more");
            }
            *known = silent;
        }
    }

    async fn is_silent(&self, node: Node) -> Option<Node> {
        let mut connection = self.connection.clone();
        let asked = connection.route_command(redis::cmd("PING"), RoutingInfo::SingleNode(at(&node)));
        let answered = matches!(tokio::time::timeout(PULSE_TIMEOUT, asked).await, Ok(Ok(_)));
        (!answered).then_some(node)
    }
}
