//! Tests of a single server: persistence, kill and restart, authentication, TLS.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    time::Duration,
};

use test_engine::{Product, Reply, Server, ServerOptions};

use crate::support::{PRODUCTS, eventually, tls};

#[test]
fn a_server_stores_a_value() {
    for product in PRODUCTS {
        let server = Server::start(ServerOptions { product, ..ServerOptions::default() });
        assert_eq!(server.command(&["SET", "key", "value"]).text(), "OK");
        assert_eq!(server.command(&["GET", "key"]).text(), "value");
        assert_eq!(server.url(), format!("redis://{}", server.address()));
    }
}

#[test]
fn a_killed_server_refuses_connections_until_it_is_restarted_on_the_same_port() {
    let server = Server::start(ServerOptions::default());
    server.kill();
    assert!(TcpStream::connect(server.address()).is_err());
    server.restart();
    assert_eq!(plain(&server, b"PING\r\n"), "+PONG\r\n");
}

#[test]
fn an_append_only_file_survives_a_kill() {
    for product in PRODUCTS {
        let server = Server::start(ServerOptions { product, append_only: true, ..ServerOptions::default() });
        server.command(&["SET", "key", "value"]);
        server.restart();
        assert_eq!(server.command(&["GET", "key"]).text(), "value");
    }
}

#[test]
fn without_an_append_only_file_a_kill_loses_everything() {
    let server = Server::start(ServerOptions::default());
    server.command(&["SET", "key", "value"]);
    server.restart();
    assert_eq!(server.command(&["GET", "key"]), Reply::Nil);
}

#[test]
fn a_stopped_server_accepts_connections_and_responds_when_it_continues() {
    let server = Server::start(ServerOptions::default());
    server.stop_responding();
    let mut stream = TcpStream::connect(server.address()).expect("accepted by the kernel");
    stream.write_all(b"PING\r\n").expect("sent");
    stream.set_read_timeout(Some(Duration::from_millis(100))).expect("set");
    let mut answer = [0; 7];
    assert!(stream.read_exact(&mut answer).is_err(), "{answer:?}");
    server.resume();
    stream.set_read_timeout(None).expect("set");
    stream.read_exact(&mut answer).expect("answered");
    assert_eq!(&answer, b"+PONG\r\n");
}

#[test]
fn a_server_dies_with_the_process_that_started_it() {
    let mut process = Command::new(env::current_exe().expect("known"))
        .args(["--ignored", "--exact", "--nocapture", "server::a_process_that_waits_until_it_is_killed"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let lines =
        BufReader::new(process.stdout.take().expect("piped")).lines().map(|line| line.expect("readable"));
    let address =
        lines.filter_map(|line| line.split_once("serves ").map(|(_, address)| address.to_owned())).next();
    let address = address.expect("an address is printed");
    assert!(TcpStream::connect(&address).is_ok());
    process.kill().expect("can be killed");
    process.wait().expect("ends");
    eventually(|| TcpStream::connect(&address).is_err());
}

#[test]
#[ignore = "only the test above runs this, in a process of its own"]
fn a_process_that_waits_until_it_is_killed() {
    let server = Server::start(ServerOptions::default());
    println!("serves {}", server.address());
    std::io::stdin().read_to_end(&mut Vec::new()).expect("readable");
}

#[test]
fn a_full_server_refuses_writes() {
    let server = Server::start(ServerOptions { max_memory: Some(1), ..ServerOptions::default() });
    let Reply::Error(error) = server.command(&["SET", "key", "value"]) else { panic!("it has room") };
    assert!(error.starts_with("OOM"), "{error}");
    assert_eq!(server.command(&["CONFIG", "GET", "maxmemory-policy"]).elements()[1].text(), "noeviction");
}

#[test]
fn users_and_passwords_are_required_except_from_the_test_setup() {
    let server = Server::start(ServerOptions {
        password: Some("secret".to_owned()),
        users: vec!["alice on >hers ~* &* +@all -config".to_owned()],
        ..ServerOptions::default()
    });
    assert!(plain(&server, b"PING\r\n").starts_with("-NOAUTH"));
    assert_eq!(plain(&server, b"AUTH secret\r\n"), "+OK\r\n");
    assert_eq!(plain(&server, b"AUTH alice hers\r\n"), "+OK\r\n");
    assert_eq!(server.command(&["ACL", "DRYRUN", "alice", "GET", "key"]).text(), "OK");
    assert_ne!(server.command(&["ACL", "DRYRUN", "alice", "CONFIG", "GET", "port"]).text(), "OK");
}

#[test]
fn a_server_with_tls_requires_a_client_certificate_of_its_ca() {
    let folder = tempfile::tempdir().expect("a folder");
    let tls = tls(folder.path());
    let certificate = tls.certificate.clone();
    let key = tls.key.clone();
    let ca = tls.ca.clone();
    let server = Server::start(ServerOptions { tls: Some(tls), ..ServerOptions::default() });
    assert_eq!(server.url(), format!("rediss://{}", server.address()));
    let ping = |arguments: &[&std::path::Path]| {
        let mut client = Command::new("redis-cli");
        client.args(["-p", &server.address().port().to_string(), "--tls", "--cacert"]).arg(&ca);
        for (name, file) in ["--cert", "--key"].iter().zip(arguments) {
            client.arg(name).arg(file);
        }
        let output = client.arg("PING").output().expect("redis-cli, of Debian's redis-tools");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(ping(&[&certificate, &key]), "PONG\n");
    assert_ne!(ping(&[]), "PONG\n");
}

/// Sends a request on a new connection. Returns the first line of the response.
fn plain(server: &Server, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).expect("accepted");
    stream.write_all(request).expect("sent");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("answered");
    line
}

#[test]
fn each_product_starts_its_own_program() {
    let name = |product| {
        let server = Server::start(ServerOptions { product, ..ServerOptions::default() });
        server.command(&["INFO", "server"]).text()
    };
    assert!(name(Product::Redis).contains("redis_version:7"));
    assert!(name(Product::Valkey).contains("server_name:valkey"));
}
