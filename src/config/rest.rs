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
    /// The address and port to listen on. Any but a loopback address needs `tls`.
    pub listen: SocketAddr,
    /// Transport security.
    pub tls: Tls,
    /// Whether a create must bring a `deviceId`.
    pub device_id: DeviceIdRule,
    /// Whether a create by a registered client must bring device information.
    pub device_info: DeviceInfoRule,
    /// The format of answers to clients that say nothing: no extension, no `format`, no `Accept` but `*/*`.
    pub default_format: ResponseFormat,
    /// The networks (CIDR) of the proxies in front of this listener. What these say in `X-Forwarded-For` is believed
    /// when calls are counted by address; nobody else's word is.
    #[schemars(schema_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// How many calls one client address (an IPv4 address, or an IPv6 /64) may make, over all paths. More are answered 429.
    pub address_limit: AddressLimit,
    /// The origins of web pages that may call from a browser (CORS), such as `https://example.com`; `*` is any.
    pub cors_origins: Vec<String>,
    /// Key pairs of clients from before dynamic registration, which sign each request.
    pub legacy_keys: Vec<LegacyKey>,
    /// A file with the public keys (JWK Set, RFC 7517) of others whose software statements are taken, beside those
    /// that this server mints. Such a statement names one of `applications` in its `software_id`.
    pub statement_jwks: Option<PathBuf>,
    /// The largest request body, in bytes. A larger one is answered 413.
    pub max_body_size: usize,
    /// How many connections are served at once; more wait to be accepted.
    pub max_connections: usize,
    /// How long a call may take, its own body included.
    pub answer_timeout: HumanDuration,
    /// How long a connection may idle, and a client may take to send the headers of its next call.
    pub idle_timeout: HumanDuration,
    /// How long a client may take to take what is sent to it; then its connection is closed.
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

/// Whether a create must bring a `deviceId`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceIdRule {
    /// A create without one is answered 400.
    Required,
    /// A device without one is known by the `id` of its record, which it stores and sends from then on.
    Optional,
}

/// Whether a create by a registered client must bring device information, in `X-Device-Info` or `device_info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceInfoRule {
    /// A create without any is answered 400.
    Required,
    /// Without any, what the User-Agent tells is taken.
    Optional,
}

/// A format of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseFormat {
    /// JSON.
    Json,
    /// XML.
    Xml,
}

/// How fast one client address may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AddressLimit {
    /// How many calls a second.
    pub per_second: u32,
    /// How many at once.
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
    /// What the request names the pair by.
    pub public_key: String,
    /// What the request is signed with. Give this, or `secret_key_file`.
    pub secret_key: Secret,
    /// A file that holds the secret key; white space around it does not count.
    pub secret_key_file: Option<PathBuf>,
    /// The requestors that the pair may be used for.
    pub requestors: Vec<String>,
}

fn networks(generator: &mut SchemaGenerator) -> Schema {
    Vec::<String>::json_schema(generator)
}
