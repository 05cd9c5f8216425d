//! Checks that only the server's user can read files with secrets.

use std::{os::unix::fs::PermissionsExt, path::Path};

use crate::config::{Config, secret_files};

/// Logs a warning for each file with secrets that other users can read.
pub(super) fn warn_of_readable(config: &Config) {
    for (key, file) in secret_files(config) {
        if others_can_read(file) {
            let file = file.display();
            tracing::warn!(key, %file, "secret file is readable by every user; run chmod 600 on it");
        }
    }
}

/// Whether every user of the machine can read the file.
pub(super) fn others_can_read(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}
