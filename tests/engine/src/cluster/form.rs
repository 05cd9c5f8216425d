//! Starts nodes and forms a cluster, without the seconds that `redis-cli --cluster create` waits.

use std::{thread, time::Duration};

use crate::{
    Cluster, ClusterOptions, Proxy, Server, ServerOptions,
    cluster::{
        SLOTS,
        link::{self, Links},
        ok,
    },
    until::until,
};

/// The address that nodes announce to clients, with the node's own port: a separate loopback address for the proxies.
const PROXY_HOST: &str = "127.0.0.2";

const NODE_TIMEOUT: Duration = Duration::from_secs(5);
/// Longer than any clock jump of a test, and short enough for a node to multiply it by ten.
const NEVER: Duration = Duration::from_hours(24 * 365 * 1000);

/// How far before its set time a faked time starts, and its advance with each check of the cluster: a primary waits two
/// seconds after its start before it serves, and nodes gossip every half of the node timeout.
const BEFORE: Duration = Duration::from_hours(1);
const STEP: Duration = Duration::from_secs(1);

/// The node timeout while the cluster forms. With a faked time it must be longer than several steps.
const FORMING_NODE_TIMEOUT: Duration = Duration::from_secs(2);
const FAKED_FORMING_NODE_TIMEOUT: Duration = Duration::from_secs(20);

pub(super) fn form(options: &ClusterOptions) -> Cluster {
    assert!(options.primaries >= 3, "a cluster has three primaries at least");
    let moment = options.node.time.as_ref().map(|time| (time, time.unix_ms()));
    if let Some((time, moment)) = moment {
        time.set(moment - millis(BEFORE));
    }
    let nodes = start_nodes(options);
    let forming = if moment.is_some() { FAKED_FORMING_NODE_TIMEOUT } else { FORMING_NODE_TIMEOUT };
    set_failover(&nodes, forming, "yes");
    let links = options.partitionable.then(|| Links::before(&nodes));
    introduce(options, &nodes);
    let proxies = if options.behind_proxies { client_proxies(&nodes) } else { Vec::new() };
    let ids = nodes.iter().map(|node| node.command(&["CLUSTER", "MYID"]).text()).collect();
    let cluster = Cluster { proxies, links, nodes, ids };
    follow(options, &cluster);
    until(
        || cluster.report(),
        || {
            if let Some((time, _)) = moment {
                time.advance(STEP);
            }
            cluster.is_ok().then_some(())
        },
    );
    set_failover(&cluster.nodes, node_timeout(options), "no");
    if let Some((time, moment)) = moment {
        time.set(moment);
    }
    cluster
}

/// All nodes start concurrently.
fn start_nodes(options: &ClusterOptions) -> Vec<Server> {
    let count = options.primaries * (1 + options.replicas);
    thread::scope(|scope| {
        let starts: Vec<_> = (0..count)
            .map(|index| {
                let node = node_options(options, index);
                scope.spawn(move || Server::start(node))
            })
            .collect();
        starts.into_iter().map(|start| start.join().expect("starts")).collect()
    })
}

fn node_options(options: &ClusterOptions, index: usize) -> ServerOptions {
    let mut node = options.node.clone();
    let mut config = vec![
        "cluster-enabled yes".to_owned(),
        format!("cluster-node-timeout {}", node_timeout(options).as_millis()),
        // Replicas stay with their primaries.
        "cluster-allow-replica-migration no".to_owned(),
    ];
    if options.behind_proxies {
        config.push(format!("cluster-announce-hostname {PROXY_HOST}"));
        config.push("cluster-preferred-endpoint-type hostname".to_owned());
    }
    if options.partitionable {
        config.extend(link::config(index));
    }
    // The options of the test come last and take precedence.
    config.append(&mut node.config);
    node.config = config;
    node
}

fn node_timeout(options: &ClusterOptions) -> Duration {
    let usual = if options.node.time.is_some() { NEVER } else { NODE_TIMEOUT };
    options.node_timeout.unwrap_or(usual)
}

/// Sets the node timeout and whether replicas start failovers: primaries that start slowly must stay primaries.
fn set_failover(nodes: &[Server], node_timeout: Duration, off: &str) {
    let node_timeout = node_timeout.as_millis().to_string();
    let set = ["CONFIG", "SET", "cluster-node-timeout", &node_timeout, "cluster-replica-no-failover", off];
    for node in nodes {
        ok(&node.command(&set));
    }
}

/// Assigns the slots and introduces every node to all others.
fn introduce(options: &ClusterOptions, nodes: &[Server]) {
    for (index, node) in nodes.iter().enumerate() {
        // Different epochs, so that the nodes need not resolve a collision.
        ok(&node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]));
    }
    let bound = |index: usize| index * usize::from(SLOTS) / options.primaries;
    for (index, node) in nodes.iter().take(options.primaries).enumerate() {
        let (first, last) = (bound(index).to_string(), (bound(index + 1) - 1).to_string());
        ok(&node.command(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]));
    }
    let host = if options.partitionable { link::HOST } else { "127.0.0.1" };
    for (index, node) in nodes.iter().enumerate() {
        for other in &nodes[index + 1..] {
            ok(&node.command(&["CLUSTER", "MEET", host, &other.address().port().to_string()]));
        }
    }
}

/// Turns the nodes without slots into replicas.
fn follow(options: &ClusterOptions, cluster: &Cluster) {
    for (index, replica) in cluster.nodes.iter().enumerate().skip(options.primaries) {
        let primary = &cluster.ids[(index - options.primaries) / options.replicas];
        until(
            || cluster.report(),
            || {
                let known =
                    cluster.view(index).iter().any(|node| &node.id == primary && node.is_settled(false));
                known.then_some(())
            },
        );
        ok(&replica.command(&["CLUSTER", "REPLICATE", primary]));
    }
}

fn client_proxies(nodes: &[Server]) -> Vec<Proxy> {
    nodes.iter().map(|node| Proxy::at(PROXY_HOST, node)).collect()
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().expect("a short time")
}
