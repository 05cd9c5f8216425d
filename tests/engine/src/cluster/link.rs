//! Proxies for the traffic between nodes: the cluster bus and replication.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::{Server, port::BUS, proxy::Gate};

/// The address that nodes announce to each other, with the node's own port.
pub(super) const HOST: &str = "127.0.0.3";

/// The source address by which proxies identify a node: a loopback address for each.
fn source(index: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, u8::try_from(index + 1).expect("at most 255 nodes"))
}

/// The configuration lines that a node needs for it.
pub(super) fn config(index: usize) -> [String; 2] {
    [format!("cluster-announce-ip {HOST}"), format!("bind-source-addr {}", source(index))]
}

/// Gates in front of the bus and the port of each node.
#[derive(Debug)]
pub(super) struct Links {
    gates: Vec<[Gate; 2]>,
}

impl Links {
    pub(super) fn before(nodes: &[Server]) -> Self {
        let gate = |address: SocketAddr| {
            Gate::open(SocketAddr::new(HOST.parse().expect("an address"), address.port()), address)
        };
        let gates = nodes.iter().map(|node| {
            let mut bus = node.address();
            bus.set_port(bus.port() + BUS);
            [gate(node.address()), gate(bus)]
        });
        Self { gates: gates.collect() }
    }

    pub(super) fn partition(&self, nodes: &[usize]) {
        for (index, gates) in self.gates.iter().enumerate() {
            let side = nodes.contains(&index);
            let others = (0..self.gates.len()).filter(|other| nodes.contains(other) != side);
            let sources: Vec<_> = others.map(|other| IpAddr::from(source(other))).collect();
            for gate in gates {
                gate.hold(sources.clone());
            }
        }
    }
}
