//! `[grpc]`

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HumanDuration, Tls};

/// The gRPC listener.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Grpc {
    /// The address and port to listen on. Any but a loopback address needs `auth = "callers"`
    /// and `tls`.
    pub listen: SocketAddr,
    /// How callers are known. `none` accepts everybody, which is why it is for loopback addresses only.
    pub auth: Auth,
    /// Transport security.
    pub tls: Tls,
    /// The largest request message, in bytes. A larger one is RESOURCE_EXHAUSTED.
    pub max_message_size: usize,
    /// How many connections are served at once; more wait to be accepted.
    pub max_connections: usize,
    /// How many calls and watches one connection may have open at once (HTTP/2 concurrent streams); a client
    /// waits with more.
    pub max_streams_per_connection: u32,
    /// How many watches are served at once, over all connections. One more is RESOURCE_EXHAUSTED.
    pub max_watches: usize,
    /// How long a call may take until its answer begins, its own message included, whatever deadline it has. A
    /// watch goes on after that.
    pub answer_timeout: HumanDuration,
    /// An idle connection is asked for a sign of life this often.
    pub keepalive_interval: HumanDuration,
    /// A connection that gave no sign of life for this long after being asked is closed.
    pub keepalive_timeout: HumanDuration,
}

impl Default for Grpc {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 50051)),
            auth: Auth::None,
            tls: Tls::default(),
            max_message_size: 4 << 20,
            max_connections: 10_000,
            max_streams_per_connection: 1_000,
            max_watches: 100_000,
            answer_timeout: HumanDuration::from_secs(60),
            keepalive_interval: HumanDuration::from_secs(60),
            keepalive_timeout: HumanDuration::from_secs(20),
        }
    }
}

/// How callers are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// Nobody is asked who they are.
    None,
}
