//! `[rest]`

use std::{net::SocketAddr, path::PathBuf};

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::{HumanDuration, Secret, Tls};

/// The REST listener: version 1 of the provider's REST API, for devices in the field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Rest {
    /// The address and port to listen on. Any address other than loopback requires `tls`.
    pub listen: SocketAddr,
    /// TLS of this listener.
    pub tls: Tls,
    /// Whether a create request must have a `deviceId`.
    pub device_id: DeviceIdRule,
    /// Whether a create request of a registered client must have device information.
    pub device_info: DeviceInfoRule,
    /// The response format for clients that specify none: no extension, no `format`, and no `Accept` other
    /// than `*/*`.
    pub default_format: ResponseFormat,
    /// The networks (CIDR) of the proxies in front of this listener. For the rate limit by address,
    /// `X-Forwarded-For` is trusted only in requests from these networks.
    #[schemars(schema_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// The rate limit of one client address (an IPv4 address, or an IPv6 /64), over all paths. Calls above it
    /// get 429.
    pub address_limit: AddressLimit,
    /// The origins of web pages that may call from a browser (CORS), such as `https://example.com`. `*`
    /// allows any origin.
    pub cors_origins: Vec<String>,
    /// The key pairs of clients that predate dynamic registration and sign each request.
    pub legacy_keys: Vec<LegacyKey>,
    /// A file with the public keys (JWK Set, RFC 7517) of other issuers of software statements. Their
    /// statements are accepted in addition to those of this server. The `software_id` of such a statement
    /// names one of `applications`.
    pub statement_jwks: Option<PathBuf>,
    /// The maximum size of a request body, in bytes: 1 to 1073741824. A larger one gets 413.
    pub max_body_size: usize,
    /// The maximum number of open connections: 1 to 100000000. Further connections wait to be accepted.
    pub max_connections: usize,
    /// The maximum duration of a call, including its request body: 1 ms to 1 year.
    pub answer_timeout: HumanDuration,
    /// How long a connection may be idle, and how long a client may take to send the headers of its next
    /// request: 1 ms to 1 year.
    pub idle_timeout: HumanDuration,
    /// How long a client may leave sent data unread before its connection is closed: 1 ms to 1 year.
    pub write_timeout: HumanDuration,
}

impl Default for Rest {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls: Tls::default(),
            device_id: DeviceIdRule::Required,
            device_info: DeviceInfoRule::Required,
            default_format: ResponseFormat::Xml,
            trusted_proxies: Vec::new(),
            address_limit: AddressLimit::default(),
            cors_origins: Vec::new(),
            legacy_keys: Vec::new(),
            statement_jwks: None,
            max_body_size: 128 << 10,
            max_connections: 10_000,
            answer_timeout: HumanDuration::from_secs(30),
            idle_timeout: HumanDuration::from_secs(75),
            write_timeout: HumanDuration::from_secs(30),
        }
    }
}

/// Whether a create request must have a `deviceId`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceIdRule {
    /// A create request without a `deviceId` gets 400.
    Required,
    /// A device without a `deviceId` is identified by the `id` of its record, which it stores and sends from
    /// then on.
    Optional,
}

/// Whether a create request of a registered client must have device information, in `X-Device-Info` or
/// `device_info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceInfoRule {
    /// A create request without device information gets 400.
    Required,
    /// Without device information, it is derived from the User-Agent.
    Optional,
}

/// A response format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseFormat {
    /// JSON.
    Json,
    /// XML.
    Xml,
}

/// The rate limit of one client address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AddressLimit {
    /// The sustained rate, in calls per second: 1 to 1000000.
    pub per_second: u32,
    /// The number of calls that can be made at once: 1 to 1000000.
    pub burst: u32,
}

impl Default for AddressLimit {
    fn default() -> Self {
        Self { per_second: 50, burst: 200 }
    }
}

/// A key pair of a client that signs each request with HMAC-SHA1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LegacyKey {
    /// The public key, with which requests name the pair.
    pub public_key: String,
    /// The key that requests are signed with. Set either this key or `secret_key_file`.
    pub secret_key: Secret,
    /// A file with the secret key. Surrounding white space is ignored.
    pub secret_key_file: Option<PathBuf>,
    /// The requestors that the pair may be used for.
    pub requestors: Vec<String>,
}

fn networks(generator: &mut SchemaGenerator) -> Schema {
    Vec::<String>::json_schema(generator)
}
