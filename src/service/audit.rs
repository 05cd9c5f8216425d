//! The audit log: who reset which trials. An append-only file of JSON lines, rotated by its size.
//!
//! Identifiers stand in it as keyed digests (HMAC-SHA256): entries about one device can be told to be about one, and
//! nobody who reads the log learns by guessing which.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::hmac;
use serde::Serialize;

use super::{device_info::hex, temp_pass::Origin};
use crate::domain::{
    clock::{SharedClock, Timestamp},
    error::{Error, Result},
    temp_pass::{ResetTarget, TempPassKey, TrialApplication},
};

/// The audit log. A cheap handle.
#[derive(Clone)]
pub struct AuditLog {
    inner: Arc<Inner>,
}

struct Inner {
    clock: SharedClock,
    key: hmac::Key,
    file: Option<Mutex<RotatedFile>>,
}

/// A reset that was done.
#[derive(Debug)]
pub struct ResetEntry<'a> {
    /// Who.
    pub caller: &'a str,
    /// From where.
    pub origin: &'a Origin,
    /// In which TempPass.
    pub temp_pass: &'a TempPassKey,
    /// Which trials.
    pub target: &'a ResetTarget,
    /// Which of these.
    pub application: &'a TrialApplication,
    /// What came of it.
    pub result: ResetResult,
}

/// What came of a reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetResult {
    /// It was done; how many trials it were, where that is known.
    Done(Option<u64>),
    /// It may have been done: an upstream was asked, and did not answer.
    Unknown,
}

impl ResetResult {
    /// What a reset leaves an entry about; nothing where nothing can have happened.
    #[must_use]
    pub fn of(reset: &Result<Option<u64>>) -> Option<Self> {
        match reset {
            Ok(count) => Some(Self::Done(*count)),
            Err(Error::UpstreamUnavailable { .. } | Error::StoreUnavailable(_) | Error::DeadlineExceeded) => {
                Some(Self::Unknown)
            }
            Err(_) => None,
        }
    }
}

/// An entry as a line. The order of the fields is that of the file.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    event: &'static str,
    caller: &'a str,
    face: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    environment: &'a str,
    requestor: &'a str,
    mvpd: &'a str,
    target: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_id_digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_user_digest: Option<String>,
    reset_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'static str>,
}

impl AuditLog {
    /// A log in a file of its own, with this key for its digests; `None` keeps no log.
    #[must_use]
    pub fn new(clock: SharedClock, key: hmac::Key, file: Option<RotatedFile>) -> Self {
        Self { inner: Arc::new(Inner { clock, key, file: file.map(Mutex::new) }) }
    }

    /// Writes an entry. The reset is done already: where the file cannot be written, the server's own log says so.
    pub fn record(&self, entry: &ResetEntry<'_>) {
        let Some(file) = &self.inner.file else { return };
        let mut line = match serde_json::to_vec(&self.line(entry)) {
            Ok(line) => line,
            Err(error) => return tracing::error!(%error, "an audit entry cannot be written as JSON"),
        };
        line.push(b'\n');
        let written = file.lock().unwrap_or_else(PoisonError::into_inner).write_line(&line);
        if let Err(error) = written {
            tracing::error!(%error, "an audit entry was lost: the audit log cannot be written");
        }
    }

    fn line<'a>(&self, entry: &ResetEntry<'a>) -> Line<'a> {
        let (target, identifier) = match entry.target {
            ResetTarget::Device(device_id) => ("device", Some(device_id.as_str())),
            ResetTarget::Key(generic_key) => ("key", Some(generic_key.as_str())),
            ResetTarget::All => ("all", None),
        };
        let digest = |text: &str| hex(hmac::sign(&self.inner.key, text.as_bytes()).as_ref());
        let filled = |text: &str| (!text.is_empty()).then(|| digest(text));
        Line {
            time: rfc3339(self.inner.clock.now()),
            event: "temp_pass_reset",
            caller: entry.caller,
            face: entry.origin.face,
            request_id: entry.origin.request_id.as_deref(),
            environment: entry.temp_pass.environment.as_str(),
            requestor: entry.temp_pass.requestor.as_str(),
            mvpd: entry.temp_pass.mvpd.as_str(),
            target,
            target_digest: identifier.map(digest),
            app_id_digest: filled(&entry.application.app_id),
            device_user_digest: filled(&entry.application.device_user),
            reset_count: match entry.result {
                ResetResult::Done(count) => count,
                ResetResult::Unknown => None,
            },
            result: (entry.result == ResetResult::Unknown).then_some("unknown"),
        }
    }
}

impl std::fmt::Debug for AuditLog {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("AuditLog")
    }
}

fn rfc3339(time: Timestamp) -> String {
    let since = std::time::Duration::from_millis(time.as_millis());
    humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + since).to_string()
}

/// A file that begins anew when it has become too large; its former lives are `NAME.1`, the latest, to `NAME.n`.
///
/// Crates that rotate files lose what cannot be written without a word, or panic.
#[derive(Debug)]
pub struct RotatedFile {
    path: PathBuf,
    file: File,
    size: u64,
    rotate_at: u64,
    max_size: u64,
    kept: u32,
}

impl RotatedFile {
    /// Opens the file, or makes it for its owner alone.
    ///
    /// # Errors
    /// As the operating system has them.
    pub fn open(path: &Path, max_size: u64, kept: u32) -> io::Result<Self> {
        let mut file = open(path)?;
        let mut size = file.metadata()?.len();
        if size > 0 && !ends_with_newline(path)? {
            // A crash or a full disk cut the last line; the next one must not be glued to it.
            file.write_all(b"\n")?;
            size += 1;
        }
        Ok(Self { path: path.to_owned(), file, size, rotate_at: max_size, max_size, kept })
    }

    /// Writes a line whole. What it writes has reached the operating system, so that it survives this process.
    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        let length = line.len() as u64;
        if self.size > 0
            && self.size + length > self.rotate_at
            && let Err(error) = self.rotate()
        {
            // Better a file that is too large than an entry that is lost.
            tracing::error!(%error, "the audit log cannot be rotated");
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
        // What is most likely to fail comes first, when nothing has been moved yet.
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

/// Renames a file that may be gone: somebody else may rotate or remove files too.
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
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_full_begins_anew_and_so_many_former_ones_are_kept() {
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
    fn no_entry_and_no_former_file_is_lost_where_the_file_cannot_be_rotated() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.log");
        let mut file = RotatedFile::open(&path, 10, 3).expect("opens");
        file.write_line(b"first 1\n").expect("writes");
        // Somebody else took the file away, and something stands in the way of the next one.
        fs::rename(&path, folder.path().join("taken")).expect("renames");
        fs::create_dir(folder.path().join("audit.log.new")).expect("makes");
        for _ in 0..3 {
            file.write_line(b"next\n").expect("writes all the same");
        }
        let taken = fs::read_to_string(folder.path().join("taken")).expect("readable");
        assert_eq!(taken, "first 1\nnext\nnext\nnext\n");
        fs::remove_dir(folder.path().join("audit.log.new")).expect("removes");
        file.write_line(b"later\n").expect("writes");
        assert_eq!(fs::read_to_string(&path).expect("readable"), "later\n");
    }

    #[test]
    fn a_line_that_was_cut_is_not_glued_to_the_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.log");
        fs::write(&path, "{\"cut").expect("written");
        let mut file = RotatedFile::open(&path, 100, 1).expect("opens");
        file.write_line(b"{}\n").expect("writes");
        assert_eq!(fs::read_to_string(&path).expect("readable"), "{\"cut\n{}\n");
    }
}
