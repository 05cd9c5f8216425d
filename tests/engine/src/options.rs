//! How a server is started.

use std::path::PathBuf;

use crate::{FakedTime, Product, Server};

/// How a server is started; by default a Redis that keeps nothing on disk, lets everybody in and has the machine's time.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    /// Which engine.
    pub product: Product,
    /// Whether it keeps an append-only file, synced every second, which [`Server::restart`] finds again.
    pub append_only: bool,
    /// The password of the user `default`.
    pub password: Option<String>,
    /// More users, each as `ACL SETUSER` has it: `alice on >secret ~* &* +@all -config`.
    pub users: Vec<String>,
    /// The size at which it is full, in bytes.
    pub max_memory: Option<u64>,
    /// What it does when it is full, such as `allkeys-lru`; by default `noeviction`.
    pub max_memory_policy: Option<&'static str>,
    /// TLS in the place of plain connections.
    pub tls: Option<Tls>,
    /// The time of day in the test's hands.
    pub time: Option<FakedTime>,
    /// More lines of its configuration file, the last of which count.
    pub config: Vec<String>,
}

/// What a server with TLS shows and asks for; all of it PEM.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The server's certificate with its chain.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The CA of clients, and of the other nodes of a cluster.
    pub ca: PathBuf,
    /// Whether it serves only clients that have a certificate.
    pub client_certificates: bool,
}

/// The user of the machinery itself, whom no test may lock out.
pub(crate) const USER: &str = "test-engine";
pub(crate) const PASSWORD: &str = "test-engine";

/// Below the folder that it runs in.
pub(crate) const SOCKET: &str = "socket";

/// With a faked time, a jump must not look like a silence: 68 years, the longest that a number of seconds may say here.
const NEVER_SECONDS: i32 = i32::MAX;

impl ServerOptions {
    /// The same as a replica of this server, which has no TLS.
    pub fn replica_of(mut self, primary: &Server) -> Self {
        self.config.push(format!("replicaof 127.0.0.1 {}", primary.address().port()));
        self
    }

    /// The lines of the configuration file.
    pub(crate) fn lines(&self, port: u16) -> Vec<String> {
        let mut lines: Vec<String> = [
            "bind 127.0.0.1",
            "save \"\"",
            "appendfsync everysec",
            "unixsocket socket",
            // Replicas that connect at once need not be waited for.
            "repl-diskless-sync-delay 0",
            // In a cluster, clients are told of a replica when it has received something.
            "repl-ping-replica-period 1",
        ]
        .map(str::to_owned)
        .into();
        lines.push(format!("user {USER} on >{PASSWORD} ~* &* +@all"));
        lines.push(format!("masteruser {USER}"));
        lines.push(format!("masterauth {PASSWORD}"));
        lines.push(format!("appendonly {}", yes(self.append_only)));
        lines.extend(self.password.iter().map(|password| format!("requirepass {password}")));
        lines.extend(self.users.iter().map(|user| format!("user {user}")));
        lines.extend(self.max_memory.iter().map(|bytes| format!("maxmemory {bytes}")));
        lines.extend(self.max_memory_policy.iter().map(|policy| format!("maxmemory-policy {policy}")));
        match &self.tls {
            None => lines.push(format!("port {port}")),
            Some(tls) => lines.extend(tls.lines(port)),
        }
        if self.time.is_some() {
            lines.push(format!("repl-timeout {NEVER_SECONDS}"));
            lines.push("repl-backlog-ttl 0".to_owned());
            // It sleeps until a time of day, and where that has passed on the machine it does not sleep at all.
            lines.push("jemalloc-bg-thread no".to_owned());
        }
        lines.extend(self.config.iter().cloned());
        lines
    }
}

impl Tls {
    fn lines(&self, port: u16) -> [String; 8] {
        [
            "port 0".to_owned(),
            format!("tls-port {port}"),
            format!("tls-cert-file {}", self.certificate.display()),
            format!("tls-key-file {}", self.key.display()),
            format!("tls-ca-cert-file {}", self.ca.display()),
            format!("tls-auth-clients {}", yes(self.client_certificates)),
            "tls-replication yes".to_owned(),
            "tls-cluster yes".to_owned(),
        ]
    }
}

fn yes(on: bool) -> &'static str {
    if on { "yes" } else { "no" }
}
