//! Detects a nearly full file system. After a failed write the engine accepts no more writes until it is reopened. Refusing
//! writes before the disk is full avoids that.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::domain::{error::StoreError, port::StoreResult};

/// A source of the free space of a file system.
pub trait FreeSpace: fmt::Debug + Send + Sync {
    /// The number of bytes that this process may still write to the file system of `folder`.
    ///
    /// # Errors
    /// If the operating system does not provide the number.
    fn available(&self, folder: &Path) -> io::Result<u64>;
}

/// The free space that the operating system reports.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileSystemSpace;

impl FreeSpace for FileSystemSpace {
    fn available(&self, folder: &Path) -> io::Result<u64> {
        let status = rustix::fs::statvfs(folder)?;
        Ok(status.f_bavail.saturating_mul(status.f_frsize))
    }
}

/// The free space is unknown. Writes are then accepted.
const UNKNOWN: u64 = u64::MAX;

/// Refuses writes while the free space is below the reserve.
#[derive(Debug)]
pub(super) struct SpaceGuard {
    folder: PathBuf,
    reserve: u64,
    source: Arc<dyn FreeSpace>,
    available: AtomicU64,
}

impl SpaceGuard {
    /// Creates a guard and reads the free space once.
    pub(super) fn new(folder: PathBuf, reserve: u64, source: Arc<dyn FreeSpace>) -> Self {
        let guard = Self { folder, reserve, source, available: AtomicU64::new(UNKNOWN) };
        guard.refresh();
        guard
    }

    /// Reads the free space again, and logs when it crosses the reserve.
    pub(super) fn refresh(&self) {
        let available = self.source.available(&self.folder).unwrap_or(UNKNOWN);
        let before = self.available.swap(available, Ordering::Relaxed);
        if (available < self.reserve) != (before < self.reserve) {
            if available < self.reserve {
                tracing::error!(available, reserve = self.reserve, folder = %self.folder.display(),
                    "file system nearly full, store refuses writes until space is freed");
            } else {
                tracing::info!(available, "file system has free space again, store accepts writes");
            }
        }
    }

    /// The number of free bytes at the last refresh, if known.
    pub(super) fn available(&self) -> Option<u64> {
        Some(self.available.load(Ordering::Relaxed)).filter(|available| *available != UNKNOWN)
    }

    /// # Errors
    /// If the free space is below the reserve.
    pub(super) fn check(&self) -> StoreResult<()> {
        match self.available() {
            Some(available) if available < self.reserve => Err(StoreError::Unavailable(format!(
                "{available} bytes are free on the file system of {}, fewer than the reserve of {}; free some space",
                self.folder.display(),
                self.reserve
            ))),
            _ => Ok(()),
        }
    }
}
