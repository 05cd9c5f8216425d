//! A look at the file system before it is full. The engine takes no more writes after one has failed, until it
//! is opened again; a write that is refused before it fails costs nothing but itself.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::domain::{error::StoreError, port::StoreResult};

/// Tells how much of a file system is free.
pub trait FreeSpace: fmt::Debug + Send + Sync {
    /// The bytes that this process may still write to the file system of `folder`.
    ///
    /// # Errors
    /// Where the system does not tell.
    fn available(&self, folder: &Path) -> io::Result<u64>;
}

/// What the operating system says.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileSystemSpace;

impl FreeSpace for FileSystemSpace {
    fn available(&self, folder: &Path) -> io::Result<u64> {
        let status = rustix::fs::statvfs(folder)?;
        Ok(status.f_bavail.saturating_mul(status.f_frsize))
    }
}

/// Stands for a file system that does not tell: nothing is refused on a guess.
const UNKNOWN: u64 = u64::MAX;

/// Refuses writes while less than a reserve is free.
#[derive(Debug)]
pub(super) struct SpaceGuard {
    folder: PathBuf,
    reserve: u64,
    source: Arc<dyn FreeSpace>,
    available: AtomicU64,
}

impl SpaceGuard {
    /// A guard that has looked once.
    pub(super) fn new(folder: PathBuf, reserve: u64, source: Arc<dyn FreeSpace>) -> Self {
        let guard = Self { folder, reserve, source, available: AtomicU64::new(UNKNOWN) };
        guard.look();
        guard
    }

    /// Looks again.
    pub(super) fn look(&self) {
        let available = self.source.available(&self.folder).unwrap_or(UNKNOWN);
        let before = self.available.swap(available, Ordering::Relaxed);
        if (available < self.reserve) != (before < self.reserve) {
            if available < self.reserve {
                tracing::error!(available, reserve = self.reserve, folder = %self.folder.display(),
                    "the file system is nearly full; the store refuses writes until there is space again");
            } else {
                tracing::info!(available, "there is space again; the store takes writes");
            }
        }
    }

    /// The bytes that were free at the last look, if that is known.
    pub(super) fn available(&self) -> Option<u64> {
        Some(self.available.load(Ordering::Relaxed)).filter(|available| *available != UNKNOWN)
    }

    /// Says no while less than the reserve is free.
    pub(super) fn check(&self) -> StoreResult<()> {
        match self.available() {
            Some(available) if available < self.reserve => Err(StoreError::Unavailable(format!(
                "only {available} bytes are free on the file system of {}; writes are refused below {}",
                self.folder.display(),
                self.reserve
            ))),
            _ => Ok(()),
        }
    }
}
