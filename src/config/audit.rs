//! `[audit]`

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{StoreConfig, StoreKind};

/// The audit log: append-only, a line of JSON for each reset of TempPasses, and for what operators do. Identifiers stand in it
/// as keyed digests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Audit {
    /// Whether there is one.
    pub enabled: bool,
    /// Where it goes; where left out, to `file` over the embedded store and to `stdout` over Redis.
    pub to: Option<AuditTarget>,
    /// The file; `audit.log` in the data folder where left out.
    pub file: Option<PathBuf>,
    /// How large the file gets, in MiB, before it begins anew.
    pub max_size: u64,
    /// How many former files are kept: `audit.log.1`, the latest, and so on.
    pub kept: u32,
    /// About how many entries the stream keeps, the latest: 1000 to 100000000.
    pub stream_length: u64,
}

/// Where the audit log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditTarget {
    /// A file of this machine.
    File,
    /// Standard output, for what collects the logs of containers. The server's own log is on standard error, and so
    /// are the entries of commands, whose standard output is their answer.
    Stdout,
    /// The stream `pb:audit` in Redis, to which all servers write. Each entry has one field, `entry`.
    Stream,
}

impl Audit {
    /// Where it goes.
    #[must_use]
    pub fn target(&self, store: &StoreConfig) -> AuditTarget {
        self.to.unwrap_or(match store.kind {
            StoreKind::Embedded => AuditTarget::File,
            StoreKind::Redis => AuditTarget::Stdout,
        })
    }
}

impl Default for Audit {
    fn default() -> Self {
        Self { enabled: true, to: None, file: None, max_size: 64, kept: 16, stream_length: 1_000_000 }
    }
}
