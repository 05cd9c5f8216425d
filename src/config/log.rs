//! `[log]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The server log, on standard error. A separate thread writes it. If lines arrive faster than they can be
/// written, lines are dropped and counted (`passbridge_log_lines_dropped_total`); calls never wait for the
/// log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Log {
    /// The format of a line.
    pub format: LogFormat,
    /// What is logged: a level (`error`, `warn`, `info`, `debug`, `trace`), or directives such as
    /// `info,passbridge::store=debug`. Libraries that process untrusted input (`h2`, `hyper`, `hyper_util`,
    /// `rustls`, `tokio_rustls`, `tonic`, `tower`, `tower_http`, `axum`) log nothing unless a directive names
    /// them: `info,h2=warn`. Libraries never log below `info`, whatever this key says, because their details
    /// contain headers, and with them tokens.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info,fjall=warn,lsm_tree=warn".to_owned() }
    }
}

/// The format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Human-readable, with colors on a terminal.
    Text,
    /// One JSON object per line.
    Json,
}
