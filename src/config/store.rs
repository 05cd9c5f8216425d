//! `[store]`

use std::{path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::HumanDuration;

/// Where records are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StoreConfig {
    /// The engine. `embedded` keeps everything in a folder of this machine, for one server process. `redis` keeps it in Redis 7
    /// or later, or Valkey, which any number of servers share.
    pub kind: StoreKind,
    /// The data folder of the embedded store. It is made where it does not exist; one server uses it at a
    /// time.
    pub path: PathBuf,
    /// Free space, in MiB, that writes leave on the data folder's file system. Below it they fail with
    /// UNAVAILABLE until there is room again; reads go on. Embedded store only.
    pub free_space_reserve: u64,
    /// What follows a write that failed, after which the store takes no other until it is opened again. Embedded store only:
    /// an engine over the network that comes back is used again.
    pub on_write_failure: OnWriteFailure,
    /// A file with the keys that secrets in the store are sealed with: a line a key, `id:base64 of 32 bytes`. The first one
    /// seals, all of them open. Without it secrets are as safe as the data folder; over Redis it is required.
    pub key_ring: Option<PathBuf>,
    /// Where Redis is: `redis://host:port`, or `rediss://host:port` for TLS; several nodes with commas, and a database number
    /// behind a slash where it is not 0. Of a cluster some nodes are enough; of a primary with replicas name all. Neither a user
    /// nor a password may stand in it.
    pub url: Option<String>,
    /// TLS to Redis, for `rediss://`.
    pub tls: EngineTlsConfig,
    /// The user at Redis; `default` where left out.
    pub username: Option<String>,
    /// A file with the password at Redis, read again for each connection and every ten seconds.
    pub password_file: Option<PathBuf>,
    /// How many replicas have to have a write before it is acknowledged here, and before what it wrote is shown; where left out 1
    /// on a cluster and 0 elsewhere. A call that too few have in time is UNAVAILABLE. With 0 a write may be lost with its primary.
    /// At most 5.
    pub wait_replicas: Option<u32>,
    /// How long a call waits for replicas: 10 ms to 60 s.
    pub wait_timeout: HumanDuration,
    /// How long a connection to Redis may take to be made: 10 ms to 60 s.
    pub connect_timeout: HumanDuration,
    /// How long Redis may take to answer: 10 ms to 60 s.
    pub response_timeout: HumanDuration,
    /// How many calls to Redis may be under way at once, 1 to 100000. One more is UNAVAILABLE at once.
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

/// The engine that keeps records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    /// A folder of this machine.
    Embedded,
    /// Redis, or what speaks as it does: one server, one with replicas, or a cluster, which is recognized.
    Redis,
}

/// TLS to the engine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EngineTlsConfig {
    /// The PEM file with the CAs that the engine's certificates come from; the system's where left out.
    pub ca: Option<PathBuf>,
    /// The PEM file with the client certificate, where the engine asks for one.
    pub certificate: Option<PathBuf>,
    /// The PEM file with that certificate's private key.
    pub key: Option<PathBuf>,
}

impl EngineTlsConfig {
    /// The files that it names.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.ca, &self.certificate, &self.key].into_iter().flatten()
    }
}

/// What follows a write that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnWriteFailure {
    /// The process answers what it can and ends with an error, for a supervisor to start it again: only reading the data
    /// anew shows what reached the disk.
    Exit,
    /// The process stays and refuses writes until a person restarts it; reads go on.
    Stay,
}
