//! `[runtime]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::HumanDuration;

/// Threads, and how the process ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Runtime {
    /// How many threads serve calls; 0 is one for each processor.
    pub threads: usize,
    /// How long the server goes on serving after it was asked to end and reports NOT_SERVING, so that load
    /// balancers look elsewhere first.
    pub drain_delay: HumanDuration,
    /// How long calls may then take to finish before they are cut.
    pub drain_timeout: HumanDuration,
}

impl Default for Runtime {
    fn default() -> Self {
        Self {
            threads: 0,
            drain_delay: HumanDuration::from_secs(0),
            drain_timeout: HumanDuration::from_secs(30),
        }
    }
}
