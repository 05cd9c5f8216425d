//! `[store]`

use std::{path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::HumanDuration;

/// The store of records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StoreConfig {
    /// The storage engine.
    pub kind: StoreKind,
    /// The data folder of the embedded store. It is created if it does not exist. Only one server can use it
    /// at a time.
    pub path: PathBuf,
    /// The free space that writes leave on the file system of the data folder, in MiB: 0 to 1073741824. Below
    /// it, writes fail with UNAVAILABLE until space is available again; reads continue. Embedded store only.
    pub free_space_reserve: u64,
    /// What the server does after a failed write. The embedded store accepts no more writes until it is
    /// opened again. Embedded store only: a server continues to use Redis when it becomes reachable again.
    pub on_write_failure: OnWriteFailure,
    /// A file with the keys that seal the secrets in the store, one per line: `id:base64 of 32 bytes`. The
    /// first key seals; every key can open. Without a key ring, secrets are only as safe as the data folder.
    /// Required with Redis.
    pub key_ring: Option<PathBuf>,
    /// The address of Redis: `redis://host:port`, or `rediss://host:port` for TLS. Separate several nodes
    /// with commas, and add a database number other than 0 after a slash. For a cluster, some of the nodes
    /// are enough; for a primary with replicas, list all. The URL must not contain a user or a password.
    pub url: Option<String>,
    /// TLS to Redis, for `rediss://`.
    pub tls: EngineTlsConfig,
    /// The Redis user. If not set: `default`.
    pub username: Option<String>,
    /// A file with the Redis password. It is read for each connection and every ten seconds.
    pub password_file: Option<PathBuf>,
    /// How many replicas must have a write before passbridge acknowledges it and shows what it wrote: 0 to 5.
    /// If not set: 1 on a cluster, 0 otherwise. A write that too few replicas have in time fails with
    /// UNAVAILABLE. With 0, a write can be lost with its primary.
    pub wait_replicas: Option<u32>,
    /// How long a call waits for replicas: 10 ms to 60 s.
    pub wait_timeout: HumanDuration,
    /// The timeout to open a connection to Redis: 10 ms to 60 s.
    pub connect_timeout: HumanDuration,
    /// The timeout of a Redis command: 10 ms to 60 s.
    pub response_timeout: HumanDuration,
    /// The maximum number of concurrent calls to Redis: 1 to 100000. One more fails immediately with
    /// UNAVAILABLE.
    pub max_in_flight: u32,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            kind: StoreKind::Embedded,
            path: PathBuf::from("passbridge-data"),
            free_space_reserve: 256,
            on_write_failure: OnWriteFailure::Exit,
            key_ring: None,
            url: None,
            tls: EngineTlsConfig::default(),
            username: None,
            password_file: None,
            wait_replicas: None,
            wait_timeout: HumanDuration(Duration::from_millis(500)),
            connect_timeout: HumanDuration::from_secs(1),
            response_timeout: HumanDuration::from_secs(1),
            max_in_flight: 8_192,
        }
    }
}

/// The storage engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    /// A folder on this machine, for one server process.
    Embedded,
    /// Redis 7 or later, or Valkey, shared by any number of servers: a single server, a primary with
    /// replicas, or a cluster. The topology is detected.
    Redis,
}

/// TLS to the storage engine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EngineTlsConfig {
    /// A PEM file with the CAs that sign the engine's certificates. If not set: the CAs of the system.
    pub ca: Option<PathBuf>,
    /// A PEM file with the client certificate, if the engine requires one.
    pub certificate: Option<PathBuf>,
    /// A PEM file with the private key of the client certificate.
    pub key: Option<PathBuf>,
}

impl EngineTlsConfig {
    /// The files that this section names.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.ca, &self.certificate, &self.key].into_iter().flatten()
    }
}

/// What the server does after a failed write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnWriteFailure {
    /// The process finishes the calls that it can and exits with an error, so that a supervisor restarts it.
    /// Only reading the data again shows what reached the disk.
    Exit,
    /// The process keeps running and refuses writes until an operator restarts it; reads continue.
    Stay,
}
