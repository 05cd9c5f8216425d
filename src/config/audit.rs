//! `[audit]`

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{StoreConfig, StoreKind};

/// The audit log: append-only, one line of JSON for each reset of a TempPass and each operator action.
/// Identifiers appear in it as keyed digests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Audit {
    /// Whether to write an audit log.
    pub enabled: bool,
    /// Where the audit log is written. If not set: `file` with the embedded store, `stdout` with Redis.
    pub to: Option<AuditTarget>,
    /// The path of the file. If not set: `audit.log` in the data folder.
    pub file: Option<PathBuf>,
    /// The size at which the file is rotated, in MiB: 1 to 1048576.
    pub max_size: u64,
    /// How many rotated files are kept: 0 to 10000. `audit.log.1` is the most recent.
    pub kept: u32,
    /// The approximate number of entries that the stream keeps: 1000 to 100000000. Older entries are removed.
    pub stream_length: u64,
}

/// Where the audit log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditTarget {
    /// A file on this machine.
    File,
    /// Standard output, for log collectors of containers. The server log goes to standard error. Commands
    /// write their audit entries to standard error, because their standard output carries their result.
    Stdout,
    /// The stream `pb:audit` in Redis, which all servers append to. Each entry has one field, `entry`.
    Stream,
}

impl Audit {
    /// The configured target, or the default for `store`.
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
