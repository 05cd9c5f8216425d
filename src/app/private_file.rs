//! Files that only the server's user should be able to read.

use std::{os::unix::fs::PermissionsExt, path::Path};

use crate::config::{Config, secret_files};

/// Warns of files with secrets that others can read too.
pub(super) fn warn_of_readable(config: &Config) {
    for (key, file) in secret_files(config) {
        if others_can_read(file) {
            let file = file.display();
            tracing::warn!(key, %file, "every user of this machine can read a file with a secret; chmod 600 it");
        }
    }
}

/// Whether every user of the machine can read the file.
pub(super) fn others_can_read(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}
