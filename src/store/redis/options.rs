//! The options of a store over Redis.

use std::{fmt, time::Duration};

use crate::domain::{clock::SharedClock, randomness::SharedRandomness, secret::SecretText};

/// A node's address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Its host name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

/// The TLS settings of connections to the engine, as PEM.
#[derive(Clone, Default)]
pub struct EngineTls {
    /// The CAs that may have issued the engine's certificate; the system's CAs if absent.
    pub ca: Option<Vec<u8>>,
    /// The client certificate and its key, if the engine requires one.
    pub client: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for EngineTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EngineTls(…)")
    }
}

/// Reads the password. It is called before every connection, so that a changed password takes effect.
pub type ReadPassword = dyn Fn() -> Result<SecretText, String> + Send + Sync;

/// The connection settings of a store over Redis.
#[derive(Clone)]
pub struct RedisOptions {
    /// The nodes, at least one. For a cluster: some of its nodes, from which the others are discovered. Otherwise: the primary and
    /// its replicas.
    pub nodes: Vec<Node>,
    /// The database, 0 to 15; a cluster has only 0.
    pub database: i64,
    /// The TLS settings; connections are not encrypted if absent.
    pub tls: Option<EngineTls>,
    /// The user, if not the engine's default user.
    pub username: Option<String>,
    /// The password, if the engine requires one.
    pub password: Option<std::sync::Arc<ReadPassword>>,
    /// The number of replicas that must acknowledge a write. If absent: 1 for a cluster, 0 otherwise.
    pub wait_replicas: Option<u32>,
    /// The maximum time that a write waits for its replicas.
    pub wait_timeout: Duration,
    /// The maximum time to establish a connection.
    pub connect_timeout: Duration,
    /// The maximum time to wait for a response.
    pub response_timeout: Duration,
    /// The maximum number of concurrent calls. Further calls fail immediately.
    pub max_in_flight: usize,
    /// This process's clock. Expiries follow the engine's clock.
    pub clock: SharedClock,
    /// The source of ids and versions of changes.
    pub randomness: SharedRandomness,
}

impl RedisOptions {
    /// Creates the default options for these nodes.
    #[must_use]
    pub fn new(nodes: Vec<Node>, clock: SharedClock, randomness: SharedRandomness) -> Self {
        Self {
            nodes,
            database: 0,
            tls: None,
            username: None,
            password: None,
            wait_replicas: None,
            wait_timeout: Duration::from_millis(500),
            connect_timeout: Duration::from_millis(1_000),
            response_timeout: Duration::from_millis(1_000),
            max_in_flight: 8_192,
            clock,
            randomness,
        }
    }
}
