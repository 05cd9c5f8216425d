//! How a store over Redis is opened.

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

/// What TLS connections to the engine go by, as PEM.
#[derive(Clone, Default)]
pub struct EngineTls {
    /// The CAs that the engine's certificate may come from; the system's where absent.
    pub ca: Option<Vec<u8>>,
    /// The client certificate and its key, where the engine asks for one.
    pub client: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for EngineTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EngineTls(…)")
    }
}

/// Reads the password; asked before every connection, so that a changed one is taken.
pub type ReadPassword = dyn Fn() -> Result<SecretText, String> + Send + Sync;

/// How the store reaches its engine, and what it asks of it.
#[derive(Clone)]
pub struct RedisOptions {
    /// Some nodes: of a cluster, from which the others are learnt; else of one primary and its replicas. At least one.
    pub nodes: Vec<Node>,
    /// The database, 0 to 15; a cluster has only 0.
    pub database: i64,
    /// What TLS goes by; connections are not encrypted where absent.
    pub tls: Option<EngineTls>,
    /// The user, where the engine has several.
    pub username: Option<String>,
    /// The password, where the engine asks for one.
    pub password: Option<std::sync::Arc<ReadPassword>>,
    /// How many replicas have to acknowledge a write; where absent 1 on a cluster and 0 elsewhere.
    pub wait_replicas: Option<u32>,
    /// How long a write waits for those.
    pub wait_timeout: Duration,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long an answer may take.
    pub response_timeout: Duration,
    /// How many calls may be under way at once; one more fails at once.
    pub max_in_flight: usize,
    /// This process's time. What is kept goes by the engine's.
    pub clock: SharedClock,
    /// Where ids of changes come from.
    pub randomness: SharedRandomness,
}

impl RedisOptions {
    /// The defaults, for these nodes.
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
