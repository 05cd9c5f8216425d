//! The audit log's file.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read, Seek, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// A file with rotation by size. Rotated files are `NAME.1`, the latest, to `NAME.n`.
///
/// Existing crates for file rotation silently drop lines that cannot be written, or panic.
#[derive(Debug)]
pub(super) struct RotatedFile {
    path: PathBuf,
    file: File,
    size: u64,
    rotate_at: u64,
    max_size: u64,
    kept: u32,
}

impl RotatedFile {
    /// Opens the file, or creates it with access for its owner only.
    ///
    /// # Errors
    /// The errors of the operating system.
    pub(super) fn open(path: &Path, max_size: u64, kept: u32) -> io::Result<Self> {
        let mut file = open(path)?;
        let mut size = file.metadata()?.len();
        if size > 0 && !ends_with_newline(path)? {
            // A crash or a full disk truncated the last line. Start the next entry on a new line.
            file.write_all(b"\n")?;
            size += 1;
        }
        Ok(Self { path: path.to_owned(), file, size, rotate_at: max_size, max_size, kept })
    }

    /// Writes a whole line to the operating system, so that it survives a crash of this process.
    pub(super) fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        let length = line.len() as u64;
        if self.size > 0
            && self.size + length > self.rotate_at
            && let Err(error) = self.rotate()
        {
            // A file that is too large is better than a lost entry.
            tracing::error!(%error, "audit log rotation failed");
            self.rotate_at = self.size + self.max_size;
        }
        self.file.write_all(line)?;
        self.size += length;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let beside = |end: &str| {
            let mut path = self.path.clone().into_os_string();
            path.push(end);
            PathBuf::from(path)
        };
        let former = |number: u32| beside(&format!(".{number}"));
        // The step that is most likely to fail comes first, before any file is renamed.
        let next = beside(".new");
        let file = open(&next)?;
        for number in (1..self.kept).rev() {
            rename(&former(number), &former(number + 1))?;
        }
        if self.kept > 0 {
            rename(&self.path, &former(1))?;
        }
        fs::rename(&next, &self.path)?;
        self.file = file;
        self.size = 0;
        self.rotate_at = self.max_size;
        Ok(())
    }
}

/// Renames a file if it exists: another program may rotate or remove files too.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn ends_with_newline(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    file.seek(io::SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    let mode = file.metadata()?.permissions().mode();
    if mode & 0o077 != 0 {
        // The file existed: another program or an earlier version created it.
        file.set_permissions(Permissions::from_mode(0o600))?;
        tracing::warn!(file = %path.display(), "audit log was accessible to other users, permissions removed");
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::CapturedLog;

    #[test]
    fn a_full_file_is_rotated_and_the_configured_number_of_files_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.log");
        let mut file = RotatedFile::open(&path, 10, 2).expect("opens");
        for line in ["one 1\n", "two 2\n", "three\n", "four 4\n"] {
            file.write_line(line.as_bytes()).expect("writes");
        }
        drop(file);
        let mut file = RotatedFile::open(&path, 10, 2).expect("opens again");
        file.write_line(b"5\n").expect("writes");
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).ok();
        assert_eq!(read("audit.log").as_deref(), Some("four 4\n5\n"));
        assert_eq!(read("audit.log.1").as_deref(), Some("three\n"));
        assert_eq!(read("audit.log.2").as_deref(), Some("two 2\n"));
        assert_eq!(read("audit.log.3"), None);
    }

    #[test]
    fn a_failed_rotation_loses_no_entry_and_no_rotated_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.log");
        let mut file = RotatedFile::open(&path, 10, 3).expect("opens");
        file.write_line(b"first 1\n").expect("writes");
        // Another program has moved the file, and a folder blocks the name of the new one.
        fs::rename(&path, folder.path().join("taken")).expect("renames");
        fs::create_dir(folder.path().join("audit.log.new")).expect("makes");
        for _ in 0..3 {
            file.write_line(b"next\n").expect("writes anyway");
        }
        let taken = fs::read_to_string(folder.path().join("taken")).expect("readable");
        assert_eq!(taken, "first 1\nnext\nnext\nnext\n");
        fs::remove_dir(folder.path().join("audit.log.new")).expect("removes");
        file.write_line(b"later\n").expect("writes");
        assert_eq!(fs::read_to_string(&path).expect("readable"), "later\n");
    }

    #[test]
    fn an_entry_starts_on_a_new_line_after_a_truncated_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.log");
        fs::write(&path, "{\"cut").expect("written");
        let mut file = RotatedFile::open(&path, 100, 1).expect("opens");
        file.write_line(b"{}\n").expect("writes");
        assert_eq!(fs::read_to_string(&path).expect("readable"), "{\"cut\n{}\n");
    }

    #[test]
    fn permissions_of_other_users_are_removed_and_logged() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.log");
        fs::write(&path, "{}\n").expect("written");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("ours");
        let log = CapturedLog::of_this_thread();
        for _ in 0..2 {
            RotatedFile::open(&path, 100, 1).expect("opens");
        }
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(log.text().matches("audit log was accessible to other users").count(), 1);
    }
}
