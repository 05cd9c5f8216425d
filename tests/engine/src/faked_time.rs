//! A time of day that tests move.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use tempfile::TempDir;

/// Compiled by the build script from `faked_time.c`.
const LIBRARY: &str = concat!(env!("OUT_DIR"), "/faked_time.so");

/// The time of day of one or many servers. It stands still until a test moves it; clones are the same clock.
///
/// What a server does by the time of day stands still with it: keys live on, a `WAIT` that too few replicas acknowledge blocks
/// until the clock has passed its time-out, and no node of a cluster suspects another. The monotonic clock goes on, so that
/// timers run.
#[derive(Debug, Clone)]
pub struct FakedTime {
    file: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    microseconds: Mutex<u64>,
    file: File,
    folder: TempDir,
}

impl FakedTime {
    /// A clock that stands at this moment, in milliseconds since 1970.
    pub fn at(unix_ms: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = File::create(folder.path().join("time")).expect("a file");
        let faked = Self { file: Arc::new(Shared { microseconds: Mutex::new(0), file, folder }) };
        faked.set(unix_ms);
        faked
    }

    /// Now, in milliseconds since 1970.
    pub fn unix_ms(&self) -> u64 {
        *self.file.microseconds.lock().expect("not poisoned") / 1000
    }

    /// Moves every server's clock on. What a server decides after this returns, it decides by the new time.
    pub fn advance(&self, by: Duration) {
        let mut microseconds = self.file.microseconds.lock().expect("not poisoned");
        *microseconds += u64::try_from(by.as_micros()).expect("less than 584 000 years");
        self.file.write(*microseconds);
    }

    /// Sets every server's clock, back too.
    pub fn set(&self, unix_ms: u64) {
        let mut microseconds = self.file.microseconds.lock().expect("not poisoned");
        *microseconds = unix_ms * 1000;
        self.file.write(*microseconds);
    }

    /// Has a program begin with this time of day.
    pub(crate) fn preload(&self, command: &mut Command) {
        command.env("LD_PRELOAD", LIBRARY).env("FAKED_TIME", self.path());
    }

    fn path(&self) -> PathBuf {
        self.file.folder.path().join("time")
    }
}

impl Shared {
    /// All eight bytes at once, which readers map.
    fn write(&self, microseconds: u64) {
        self.file.write_all_at(&microseconds.to_ne_bytes(), 0).expect("written");
    }
}
