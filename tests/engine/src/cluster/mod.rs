//! A cluster.

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

/// Into how many slots the keys fall.
pub const SLOTS: u16 = 16_384;

/// How a cluster is started; by default three primaries without replicas.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// What holds for each node.
    pub node: ServerOptions,
    /// How many primaries, three at least: fewer could not agree on a failover.
    pub primaries: usize,
    /// How many replicas each primary has.
    pub replicas: usize,
    /// How long a node is silent before others suspect it; by default five seconds, and with a faked time so long that no jump
    /// makes them.
    pub node_timeout: Option<Duration>,
    /// Whether clients are sent to a [`Proxy`] before each node, which [`Cluster::proxies`] has.
    pub behind_proxies: bool,
    /// Whether what nodes say to each other goes through proxies, for [`Cluster::partition`].
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

/// Nodes that form a cluster as long as this lives. First come the primaries, in the order of their slots, then the replicas of
/// the first, then those of the second, and so on.
#[derive(Debug)]
pub struct Cluster {
    // Before the nodes, which they connect to.
    proxies: Vec<Proxy>,
    links: Option<Links>,
    nodes: Vec<Server>,
    ids: Vec<String>,
}

impl Cluster {
    /// Starts one. All slots are served and all replicas are in sync when this returns; a faked time is what it was before.
    ///
    /// Without a faked time it takes a little more than two seconds, since a primary that has just started waits so long before it
    /// serves.
    ///
    /// # Panics
    ///
    /// Where it does not come up within a minute.
    pub fn start(options: &ClusterOptions) -> Self {
        form::form(options)
    }

    /// Its nodes, also those that do not run. A node is killed, stopped and restarted by itself.
    ///
    /// A primary that was restarted under a faked time serves two seconds of that time later.
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// Where clients find each node: at its proxy, if it has one.
    pub fn urls(&self) -> Vec<String> {
        if self.proxies.is_empty() {
            self.nodes.iter().map(Server::url).collect()
        } else {
            self.proxies.iter().map(Proxy::url).collect()
        }
    }

    /// What clients go through to each node.
    ///
    /// # Panics
    ///
    /// Where it was started without `behind_proxies`.
    pub fn proxies(&self) -> &[Proxy] {
        assert!(!self.proxies.is_empty(), "the option `behind_proxies` is off");
        &self.proxies
    }

    /// Lets nothing pass between these nodes and all others until [`Self::heal`]. Clients reach all of them.
    ///
    /// # Panics
    ///
    /// Where it was started without `partitionable`.
    pub fn partition(&self, nodes: &[usize]) {
        self.links.as_ref().expect("the option `partitionable` is on").partition(nodes);
    }

    /// Lets everything pass between all nodes.
    ///
    /// # Panics
    ///
    /// Where it was started without `partitionable`.
    pub fn heal(&self) {
        self.partition(&[]);
    }

    /// The slot of a key.
    pub fn slot_of(&self, key: impl AsRef<[u8]>) -> u16 {
        let slot = self.witness().command(&[b"CLUSTER", b"KEYSLOT", key.as_ref()]).integer();
        slot.try_into().expect("a slot")
    }

    /// Which node serves this slot, as nodes that respond have it; where they differ, who took it last.
    ///
    /// # Panics
    ///
    /// Where nobody does.
    pub fn primary_of(&self, slot: u16) -> usize {
        let views = self.responding().flat_map(|node| self.view(node));
        let owners = views.filter(|view| view.slots.iter().any(|range| range.contains(&slot)));
        let owner =
            owners.max_by_key(|view| view.epoch).unwrap_or_else(|| panic!("nobody serves slot {slot}"));
        self.index_of(&owner.id).expect("one of its nodes")
    }

    /// The node that serves this slot.
    ///
    /// # Panics
    ///
    /// Where nobody does.
    pub fn primary(&self, slot: u16) -> &Server {
        &self.nodes[self.primary_of(slot)]
    }

    /// The replicas of this primary that respond.
    pub fn replicas_of(&self, primary: usize) -> Vec<usize> {
        let follows = |&node: &usize| {
            let view = self.view(node).into_iter().find(|view| view.myself);
            view.is_some_and(|view| view.primary.as_ref() == Some(&self.ids[primary]))
        };
        self.responding().filter(follows).collect()
    }

    /// Has a replica take the place of its primary at once, whether or not that one runs.
    ///
    /// # Panics
    ///
    /// Where it refuses.
    pub fn promote(&self, replica: usize) {
        ok(&self.nodes[replica].command(&["CLUSTER", "FAILOVER", "TAKEOVER"]));
    }

    /// Begins to move a slot to a primary while it is served: until [`SlotMove::finish`], its owner answers `ASK` for each key that it
    /// does not have any more.
    ///
    /// # Panics
    ///
    /// Where they refuse.
    pub fn begin_move(&self, slot: u16, to: usize) -> SlotMove<'_> {
        SlotMove::begin(self, slot, to)
    }

    /// Moves a slot with all its keys to a primary while it is served, and returns when every node knows it.
    ///
    /// # Panics
    ///
    /// Where they refuse.
    pub fn move_slot(&self, slot: u16, to: usize) {
        self.begin_move(slot, to).finish();
    }

    /// Returns when every slot is served by a node that responds, every node that responds says the same about all of them, and
    /// their replicas are in sync.
    ///
    /// # Panics
    ///
    /// Where that does not come true within a minute, with what the nodes say.
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

    /// Whether a node tells clients of all others: it leaves out a replica until it has heard how far that one is.
    fn is_known_to_clients(&self, node: usize) -> bool {
        let told = self.nodes[node].command(&["CLUSTER", "SLOTS"]);
        let ports = told.elements().iter().flat_map(|range| &range.elements()[2..]);
        let ports: BTreeSet<_> = ports.map(|node| node.elements()[1].integer()).collect();
        self.responding().all(|node| ports.contains(&self.nodes[node].address().port().into()))
    }

    /// What a node says about those that respond, in no order and without its own perspective; nothing where it does not know them
    /// well yet.
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

    /// Whether a replica has all that its primary has, or a primary counts all its replicas as connected.
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

/// Panics where it is not `OK`.
fn ok(reply: &Reply) {
    assert_eq!(reply, &Reply::Bytes(b"OK".into()));
}
