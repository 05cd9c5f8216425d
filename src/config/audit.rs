//! `[audit]`

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The audit log: an append-only file of JSON lines, one for each reset of TempPasses, and for what operators do.
/// Identifiers stand in it as keyed digests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Audit {
    /// Whether there is one.
    pub enabled: bool,
    /// The file; `audit.log` in the data folder where left out.
    pub file: Option<PathBuf>,
    /// How large the file gets, in MiB, before it begins anew.
    pub max_size: u64,
    /// How many former files are kept: `audit.log.1`, the latest, and so on.
    pub kept: u32,
}

impl Default for Audit {
    fn default() -> Self {
        Self { enabled: true, file: None, max_size: 64, kept: 16 }
    }
}
