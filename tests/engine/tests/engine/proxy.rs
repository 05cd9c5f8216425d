//! Tests of the proxy between clients and a server.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use test_engine::{Cluster, ClusterOptions, Proxy, Reply, Server, ServerOptions};

/// Opens a connection with a read timeout of 100 ms.
fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("accepted");
    stream.set_read_timeout(Some(Duration::from_millis(100))).expect("set");
    stream
}

fn ping(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"PING\r\n")?;
    pong(stream)
}

fn pong(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut answer = [0; 7];
    stream.read_exact(&mut answer)?;
    assert_eq!(&answer, b"+PONG\r\n");
    Ok(())
}

#[test]
fn a_cut_proxy_closes_old_and_new_connections_until_it_heals() {
    let server = Server::start(ServerOptions::default());
    let proxy = Proxy::before(&server);
    let mut old = connect(proxy.address());
    ping(&mut old).expect("answered");
    proxy.cut();
    let closed = |error: std::io::Error| error.kind() != ErrorKind::WouldBlock;
    assert!(ping(&mut old).is_err_and(closed));
    assert!(ping(&mut connect(proxy.address())).is_err_and(closed));
    proxy.heal();
    ping(&mut connect(proxy.address())).expect("answered");
    assert_eq!(proxy.url(), format!("redis://{}", proxy.address()));
}

#[test]
fn held_data_arrives_when_the_proxy_heals() {
    let server = Server::start(ServerOptions::default());
    let proxy = Proxy::before(&server);
    let mut old = connect(proxy.address());
    ping(&mut old).expect("answered");
    proxy.hold();
    let mut new = connect(proxy.address());
    for stream in [&mut old, &mut new] {
        assert_eq!(ping(stream).expect_err("silence").kind(), ErrorKind::WouldBlock);
    }
    proxy.heal();
    for stream in [&mut old, &mut new] {
        stream.set_read_timeout(None).expect("set");
        pong(stream).expect("answered");
    }
}

#[test]
fn a_cluster_redirects_clients_to_the_proxies_of_its_nodes() {
    let cluster =
        Cluster::start(&ClusterOptions { behind_proxies: true, replicas: 1, ..ClusterOptions::default() });
    let urls = cluster.urls();
    let node = |answer: &Reply| {
        format!("redis://{}:{}", answer.elements()[0].text(), answer.elements()[1].integer())
    };
    let slots = cluster.nodes()[0].command(&["CLUSTER", "SLOTS"]);
    let mut reported: Vec<_> =
        slots.elements().iter().flat_map(|range| &range.elements()[2..]).map(node).collect();
    reported.sort();
    let mut expected = urls.clone();
    expected.sort();
    assert_eq!(reported, expected);
    let owner = cluster.primary_of(cluster.slot_of("key"));
    let Reply::Error(moved) = cluster.nodes()[(owner + 1) % 3].command(&["GET", "key"]) else {
        panic!("expected a redirect")
    };
    let (_, place) = moved.rsplit_once(' ').expect("MOVED SLOT PLACE");
    assert_eq!(format!("redis://{place}"), urls[owner]);
    cluster.proxies()[owner].cut();
    let mut stream = connect(cluster.proxies()[owner].address());
    assert!(ping(&mut stream).is_err());
    // Nodes do not use the proxies to reach each other.
    let mut connection = cluster.nodes()[owner].connect().expect("up");
    connection.ask(&["SET", "key", "value"]).expect("answered");
    assert_eq!(connection.ask(&["WAIT", "1", "0"]).expect("answered").integer(), 1);
}
