//! `tls`, the same for each listener.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Transport security of a listener.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Tls {
    /// Who ends TLS.
    pub mode: TlsMode,
}

/// Who ends TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    /// Nobody: plain text, for loopback addresses only.
    #[default]
    Off,
    /// A proxy in front of this listener, to which only that proxy can connect.
    TerminatedElsewhere,
}
