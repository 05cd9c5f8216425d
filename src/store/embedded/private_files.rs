//! Restricts the engine's folder and its files to their owner. An earlier version, a copy or a restored backup may have left
//! them accessible to other users.
//!
//! The engine creates files with the process's umask, which the program sets. If another program opens a store, the folder's
//! own mode keeps other users out.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
};

/// The permission bits of the group and of others.
const OTHERS: u32 = 0o077;

/// Removes the permissions of group and others from the folder and everything below it, and logs how many files it changed. A
/// failure is logged and does not prevent the store from opening.
pub(super) fn make_private(folder: &Path) {
    match remove_permissions(folder) {
        Ok(0) => {}
        Ok(count) => {
            tracing::warn!(count, folder = %folder.display(), "store files were accessible to other users, permissions removed");
        }
        Err(error) => {
            tracing::warn!(%error, folder = %folder.display(), "store files may be accessible to other users");
        }
    }
}

fn remove_permissions(path: &Path) -> io::Result<usize> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        // Another server may be using the folder and have deleted the file. The engine's lock detects that later.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    if metadata.is_symlink() {
        return Ok(0);
    }
    let mode = metadata.permissions().mode();
    let mut count = 0;
    if mode & OTHERS != 0 {
        fs::set_permissions(path, Permissions::from_mode(mode & !OTHERS))?;
        count += 1;
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            count += remove_permissions(&entry?.path())?;
        }
    }
    Ok(count)
}
