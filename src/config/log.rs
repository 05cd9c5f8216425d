//! `[log]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The log, on standard error. A thread of its own writes it; where it comes faster than it is read, lines are dropped and
/// counted (`passbridge_log_lines_dropped_total`), and no call waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// What is logged: a level (`error`, `warn`, `info`, `debug`, `trace`), or directives such as
    /// `info,passbridge::store=debug`. The libraries that speak with strangers (`h2`, `hyper`, `hyper_util`, `rustls`,
    /// `tokio_rustls`, `tonic`, `tower`, `tower_http`, `axum`) log nothing unless a directive names them: `info,h2=warn`.
    /// Below `info` no library logs anything, whatever stands here: its details hold headers, and with them tokens.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info,fjall=warn,lsm_tree=warn".to_owned() }
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people, with colours on a terminal.
    Text,
    /// One JSON object a line, for machines.
    Json,
}
