//! The engine's folder and what is in it, for its owner alone: an earlier version, a copy or a restored backup may have left it
//! open to others.
//!
//! The engine makes files by the umask of the process, which is the program's to set. Where another program opens a store, the
//! folder keeps others out.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
};

/// What others than the owner may do.
const OTHERS: u32 = 0o077;

/// Takes from others what they may do with the folder and all below it, and logs how much that was. Where it cannot be done,
/// the log says so, and the store works all the same.
pub(super) fn make_private(folder: &Path) {
    match narrow(folder) {
        Ok(0) => {}
        Ok(count) => {
            tracing::warn!(count, folder = %folder.display(), "files of the store were open to others, and are not any more");
        }
        Err(error) => {
            tracing::warn!(%error, folder = %folder.display(), "files of the store may be open to others");
        }
    }
}

fn narrow(path: &Path) -> io::Result<usize> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        // Another server may be at work there, which is found out later.
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
            count += narrow(&entry?.path())?;
        }
    }
    Ok(count)
}
