//! A wall clock that tests control.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use tempfile::TempDir;

/// The build script compiles it from `faked_time.c`.
const LIBRARY: &str = concat!(env!("OUT_DIR"), "/faked_time.so");

/// The wall clock of one or more servers. It stands still until a test moves it. Clones share the clock.
///
/// Everything that a server does by the wall clock stands still too: keys do not expire, a `WAIT` that too few replicas
/// acknowledge blocks until the clock passes its timeout, and no cluster node suspects another. The monotonic clock runs on, so
/// timers still fire.
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
    /// Creates a clock at this time, in milliseconds since the Unix epoch.
    pub fn at(unix_ms: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = File::create(folder.path().join("time")).expect("a file");
        let faked = Self { file: Arc::new(Shared { microseconds: Mutex::new(0), file, folder }) };
        faked.set(unix_ms);
        faked
    }

    /// Returns the current time in milliseconds since the Unix epoch.
    pub fn unix_ms(&self) -> u64 {
        *self.file.microseconds.lock().expect("not poisoned") / 1000
    }

    /// Advances the clock of every server. A server's decisions after this returns use the new time.
    pub fn advance(&self, by: Duration) {
        let mut microseconds = self.file.microseconds.lock().expect("not poisoned");
        *microseconds += u64::try_from(by.as_micros()).expect("less than 584 000 years");
        self.file.write(*microseconds);
    }

    /// Sets the clock of every server, forward or back.
    pub fn set(&self, unix_ms: u64) {
        let mut microseconds = self.file.microseconds.lock().expect("not poisoned");
        *microseconds = unix_ms * 1000;
        self.file.write(*microseconds);
    }

    /// Makes a program start with this wall clock.
    pub(crate) fn preload(&self, command: &mut Command) {
        command.env("LD_PRELOAD", LIBRARY).env("FAKED_TIME", self.path());
    }

    fn path(&self) -> PathBuf {
        self.file.folder.path().join("time")
    }
}

impl Shared {
    /// Writes all eight bytes at once, because readers map the file.
    fn write(&self, microseconds: u64) {
        self.file.write_all_at(&microseconds.to_ne_bytes(), 0).expect("written");
    }
}
