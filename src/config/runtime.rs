//! `[runtime]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::HumanDuration;

/// Threads and shutdown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Runtime {
    /// The number of threads that serve calls: 1 to 1024, or 0 for one per processor.
    pub threads: usize,
    /// How long the server continues to serve after a request to stop, while it reports NOT_SERVING: 0 s to
    /// 1 year. Set it to the time that load balancers take to stop sending calls.
    pub drain_delay: HumanDuration,
    /// How long running calls then have to finish before they are cut off: 0 s to 1 year.
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
