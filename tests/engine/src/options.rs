//! The options of a server.

use std::path::PathBuf;

use crate::{FakedTime, Product, Server};

/// The options of a server. The default is a Redis without persistence, access control or a faked time.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    /// The products to test with.
    pub product: Product,
    /// Whether the server has an append-only file, synced every second, that survives [`Server::restart`].
    pub append_only: bool,
    /// The password of the user `default`.
    pub password: Option<String>,
    /// More users, each in the syntax of `ACL SETUSER`: `alice on >secret ~* &* +@all -config`.
    pub users: Vec<String>,
    /// The memory limit in bytes.
    pub max_memory: Option<u64>,
    /// The eviction policy, such as `allkeys-lru`; by default `noeviction`.
    pub max_memory_policy: Option<&'static str>,
    /// TLS instead of plain connections.
    pub tls: Option<Tls>,
    /// A wall clock that the test controls.
    pub time: Option<FakedTime>,
    /// More lines of the configuration file. The last occurrence of a directive counts.
    pub config: Vec<String>,
}

/// The TLS settings of a server, all as PEM.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The server's certificate chain.
    pub certificate: PathBuf,
    /// The server's private key.
    pub key: PathBuf,
    /// The CA of clients and of the other cluster nodes.
    pub ca: PathBuf,
    /// Whether clients must present a certificate.
    pub client_certificates: bool,
}

/// The user of the test setup itself, whom no test may lock out.
pub(crate) const USER: &str = "test-engine";
pub(crate) const PASSWORD: &str = "test-engine";

/// Relative to the server's folder.
pub(crate) const SOCKET: &str = "socket";

/// With a faked time, a clock jump must not look like a lost connection: 68 years, the largest value in seconds.
const NEVER_SECONDS: i32 = i32::MAX;

impl ServerOptions {
    /// Returns the options of a replica of this server, which has no TLS.
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
            // Start replication at once instead of waiting for more replicas.
            "repl-diskless-sync-delay 0",
            // In a cluster, a replica is announced to clients once it has received data.
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
            // The server sleeps until a wall-clock time and does not sleep at all if that is in the machine's past.
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
