//! A Redis or Valkey cluster.

mod form;
mod link;
mod slot_move;
mod view;

use std::{collections::BTreeSet, time::Duration};

use crate::{
    Proxy, Reply, Server, ServerOptions,
    cluster::{
        link::Links,
        view::{NodeView, parse_nodes},
    },
    until::until,
};

pub use crate::cluster::slot_move::SlotMove;

/// The number of hash slots.
pub const SLOTS: u16 = 16_384;

/// The options of a cluster. The default is three primaries without replicas.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// The options of each node.
    pub node: ServerOptions,
    /// The number of primaries, at least three: fewer cannot agree on a failover.
    pub primaries: usize,
    /// The number of replicas of each primary.
    pub replicas: usize,
    /// The node timeout; by default five seconds, and with a faked time so long that no clock jump
    /// causes a failover.
    pub node_timeout: Option<Duration>,
    /// Whether clients reach each node through a [`Proxy`], returned by [`Cluster::proxies`].
    pub behind_proxies: bool,
    /// Whether the traffic between nodes goes through proxies, for [`Cluster::partition`].
    pub partitionable: bool,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            node: ServerOptions::default(),
            primaries: 3,
            replicas: 0,
            node_timeout: None,
            behind_proxies: false,
            partitionable: false,
        }
    }
}

/// A running cluster. The nodes are ordered: first the primaries in the order of their slots, then the replicas of the
/// first primary, then those of the second, and so on.
#[derive(Debug)]
pub struct Cluster {
    // Dropped before the nodes that they connect to.
    proxies: Vec<Proxy>,
    links: Option<Links>,
    nodes: Vec<Server>,
    ids: Vec<String>,
}

impl Cluster {
    /// Starts a cluster. All slots are served and all replicas are in sync when this returns. A faked time is unchanged.
    ///
    /// Without a faked time the start takes a little more than two seconds, because a new primary waits that long before it
    /// serves.
    ///
    /// # Panics
    ///
    /// Panics if the cluster is not ready within a minute.
    pub fn start(options: &ClusterOptions) -> Self {
        form::form(options)
    }

    /// All nodes, including those that do not run. Each node is killed, stopped and restarted separately.
    ///
    /// With a faked time, a restarted primary serves after two seconds of that time.
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// The client address of each node: its proxy, if it has one.
    pub fn urls(&self) -> Vec<String> {
        if self.proxies.is_empty() {
            self.nodes.iter().map(Server::url).collect()
        } else {
            self.proxies.iter().map(Proxy::url).collect()
        }
    }

    /// The proxies between clients and each node.
    ///
    /// # Panics
    ///
    /// Panics if the cluster was started without `behind_proxies`.
    pub fn proxies(&self) -> &[Proxy] {
        assert!(!self.proxies.is_empty(), "the option `behind_proxies` is off");
        &self.proxies
    }

    /// Partitions these nodes from all others until [`Self::heal`]. Clients still reach every node.
    ///
    /// # Panics
    ///
    /// Panics if the cluster was started without `partitionable`.
    pub fn partition(&self, nodes: &[usize]) {
        self.links.as_ref().expect("the option `partitionable` is on").partition(nodes);
    }

    /// Ends all partitions.
    ///
    /// # Panics
    ///
    /// Panics if the cluster was started without `partitionable`.
    pub fn heal(&self) {
        self.partition(&[]);
    }

    /// Returns the slot of a key.
    pub fn slot_of(&self, key: impl AsRef<[u8]>) -> u16 {
        let slot = self.witness().command(&[b"CLUSTER", b"KEYSLOT", key.as_ref()]).integer();
        slot.try_into().expect("a slot")
    }

    /// Returns the node that serves this slot according to the responding nodes. If they differ, the latest owner.
    ///
    /// # Panics
    ///
    /// Panics if no node serves the slot.
    pub fn primary_of(&self, slot: u16) -> usize {
        let views = self.responding().flat_map(|node| self.view(node));
        let owners = views.filter(|view| view.slots.iter().any(|range| range.contains(&slot)));
        let owner =
            owners.max_by_key(|view| view.epoch).unwrap_or_else(|| panic!("no node serves slot {slot}"));
        self.index_of(&owner.id).expect("one of its nodes")
    }

    /// Returns the node that serves this slot.
    ///
    /// # Panics
    ///
    /// Panics if no node serves the slot.
    pub fn primary(&self, slot: u16) -> &Server {
        &self.nodes[self.primary_of(slot)]
    }

    /// Returns the responding replicas of this primary.
    pub fn replicas_of(&self, primary: usize) -> Vec<usize> {
        let follows = |&node: &usize| {
            let view = self.view(node).into_iter().find(|view| view.myself);
            view.is_some_and(|view| view.primary.as_ref() == Some(&self.ids[primary]))
        };
        self.responding().filter(follows).collect()
    }

    /// Promotes a replica at once, whether or not its primary runs.
    ///
    /// # Panics
    ///
    /// Panics if the replica returns an error.
    pub fn promote(&self, replica: usize) {
        ok(&self.nodes[replica].command(&["CLUSTER", "FAILOVER", "TAKEOVER"]));
    }

    /// Starts the live migration of a slot. Until [`SlotMove::finish`], its owner answers `ASK` for every key that it
    /// no longer has.
    ///
    /// # Panics
    ///
    /// Panics if a primary returns an error.
    pub fn begin_move(&self, slot: u16, to: usize) -> SlotMove<'_> {
        SlotMove::begin(self, slot, to)
    }

    /// Migrates a slot with all its keys while it is served. Every node knows the new owner when this returns.
    ///
    /// # Panics
    ///
    /// Panics if a primary returns an error.
    pub fn move_slot(&self, slot: u16, to: usize) {
        self.begin_move(slot, to).finish();
    }

    /// Waits until a responding node serves every slot, all responding nodes agree on the owners, and
    /// their replicas are in sync.
    ///
    /// # Panics
    ///
    /// Panics with the views of the nodes if that takes more than a minute.
    pub fn wait_until_ok(&self) {
        until(|| self.report(), || self.is_ok().then_some(()));
    }

    fn is_ok(&self) -> bool {
        let served = |view: &[NodeView]| -> usize { view.iter().map(NodeView::slot_count).sum() };
        let Some(first) = self.responding().next() else { return false };
        let expected = self.settled_view(first);
        served(&expected) == usize::from(SLOTS)
            && self.responding().all(|node| {
                let info = self.nodes[node].command(&["CLUSTER", "INFO"]).text();
                info.contains("cluster_state:ok") && self.settled_view(node) == expected
            })
            && self.responding().all(|node| self.replication_is_up(node) && self.is_known_to_clients(node))
    }

    /// Whether a node announces all others to clients. It omits a replica until it knows the replica's offset.
    fn is_known_to_clients(&self, node: usize) -> bool {
        let reply = self.nodes[node].command(&["CLUSTER", "SLOTS"]);
        let ports = reply.elements().iter().flat_map(|range| &range.elements()[2..]);
        let ports: BTreeSet<_> = ports.map(|node| node.elements()[1].integer()).collect();
        self.responding().all(|node| ports.contains(&self.nodes[node].address().port().into()))
    }

    /// A node's view of the responding nodes, sorted and without the fields that differ between nodes; `None` if it does not know
    /// them fully yet.
    fn settled_view(&self, of: usize) -> Vec<NodeView> {
        let mut view = self.view(of);
        view.retain(|node| self.index_of(&node.id).is_some_and(|index| self.nodes[index].responds()));
        if view.len() != self.responding().count()
            || view.iter().any(|node| !node.is_settled(!self.proxies.is_empty()))
        {
            return Vec::new();
        }
        for node in &mut view {
            node.myself = false;
        }
        view.sort_by(|one, other| one.id.cmp(&other.id));
        view
    }

    /// Whether a replica has all data of its primary, or a primary counts all its replicas as connected.
    fn replication_is_up(&self, node: usize) -> bool {
        let info = self.nodes[node].command(&["INFO", "replication"]).text();
        if info.contains("role:slave") {
            return info.contains("master_link_status:up");
        }
        let online = info.lines().filter(|line| line.starts_with("slave") && line.contains("state=online"));
        online.count() == self.replicas_of(node).len()
    }

    fn view(&self, of: usize) -> Vec<NodeView> {
        parse_nodes(&self.nodes[of].command(&["CLUSTER", "NODES"]).text())
    }

    fn index_of(&self, id: &str) -> Option<usize> {
        self.ids.iter().position(|other| other == id)
    }

    fn responding(&self) -> impl Iterator<Item = usize> {
        (0..self.nodes.len()).filter(|&node| self.nodes[node].responds())
    }

    fn witness(&self) -> &Server {
        let node = self.responding().next().expect("a node that responds");
        &self.nodes[node]
    }

    fn report(&self) -> String {
        let say = |node: usize| {
            let ask = |command: &[&str]| self.nodes[node].command(command).text();
            format!("node {node}: {}\n{}", ask(&["CLUSTER", "INFO"]), ask(&["CLUSTER", "NODES"]))
        };
        self.responding().map(say).collect()
    }
}

/// Panics if the reply is not `OK`.
fn ok(reply: &Reply) {
    assert_eq!(reply, &Reply::Bytes(b"OK".into()));
}
