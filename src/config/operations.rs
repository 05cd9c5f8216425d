//! `[operations]`

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The operations listener: `/livez`, `/readyz` and `/metrics` over HTTP. It exposes counts and durations,
/// but no ids, codes or addresses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Operations {
    /// The address and port to listen on.
    pub listen: SocketAddr,
}

impl Default for Operations {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 9464)) }
    }
}
