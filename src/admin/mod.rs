//! What operators ask of an installation by commands. A running server is asked over a Unix socket in its data folder;
//! where none runs, the command opens the folder and does the same itself. Either way it is
//! `service::operator` that does it; here is how its commands are carried.
//!
//! Each command has a path of its own under the version of what is said. Whoever asks for another one is told so.

mod client;
mod server;

use std::path::{Path, PathBuf};

pub use crate::service::operator::{
    Answer, Command, ExamineCommand, Examined, RevokeCommand, ScheduleLine, StatementCommand,
};
pub use client::{AdminError, ask, is_served};
pub use server::{AdminListener, BindSocketError};

/// The socket's name in the data folder.
const SOCKET: &str = "admin.sock";

/// The path of each command.
const STATEMENTS: &str = "/v1/statements";
const REVOCATIONS: &str = "/v1/revocations";
const SCHEDULES: &str = "/v1/schedules";
const EXAMINATIONS: &str = "/v1/examinations";
const KEY_ROTATIONS: &str = "/v1/key-rotations";

/// Where the server over this data folder listens.
fn socket_path(data: &Path) -> PathBuf {
    data.join(SOCKET)
}
