//! `[store]`

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where records are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Store {
    /// The engine. `embedded` keeps everything in a folder of this machine, for one server process.
    pub kind: StoreKind,
    /// The data folder of the embedded store. It is made where it does not exist; one server uses it at a
    /// time.
    pub path: PathBuf,
    /// Free space, in MiB, that writes leave on the data folder's file system. Below it they fail with
    /// UNAVAILABLE until there is room again; reads go on.
    pub free_space_reserve: u64,
    /// What follows a write that failed, after which the store takes no other until it is opened again.
    pub on_write_failure: OnWriteFailure,
    /// A file with the keys that secrets in the store are sealed with: a line a key, `id:base64 of 32 bytes`. The first one
    /// seals, all of them open. Without it secrets are as safe as the data folder.
    pub key_ring: Option<PathBuf>,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            kind: StoreKind::Embedded,
            path: PathBuf::from("passbridge-data"),
            free_space_reserve: 256,
            on_write_failure: OnWriteFailure::Exit,
            key_ring: None,
        }
    }
}

/// The engine that keeps records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    /// A folder of this machine.
    Embedded,
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
