//! Carries operators' commands to an installation. If a server runs, the command reaches it over a Unix socket in the
//! data folder. Otherwise, the command opens the data folder itself. Both perform the command through
//! `service::operator`; this module is the transport.
//!
//! Each command has its own path under a protocol version. The server answers an unknown path with its own version.

mod client;
mod server;

use std::path::{Path, PathBuf};

pub use crate::service::operator::{
    ExaminationReport, ExamineCommand, OperatorCommand, OperatorResponse, RevokeCommand, ScheduleLine,
    StatementCommand,
};
pub use client::{AdminError, ask, is_served};
pub use server::{AdminListener, BindSocketError};

/// The socket's file name in the data folder.
const SOCKET: &str = "admin.sock";

/// The path of each command.
const STATEMENTS: &str = "/v1/statements";
const REVOCATIONS: &str = "/v1/revocations";
const SCHEDULES: &str = "/v1/schedules";
const EXAMINATIONS: &str = "/v1/examinations";
const KEY_ROTATIONS: &str = "/v1/key-rotations";

/// The socket path of the server on this data folder.
fn socket_path(data: &Path) -> PathBuf {
    data.join(SOCKET)
}
