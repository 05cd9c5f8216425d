//! The file system of the data folder.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use hdrhistogram::Histogram;
use tempfile::TempDir;

use super::{Result, clock};

/// A folder that is deleted on drop, on the file system of the project, because temporary folders are often in memory, where a
/// sync costs nothing.
pub fn data_folder() -> Result<TempDir> {
    Ok(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?)
}

/// The time to append 4 KiB to a file and sync it, in microseconds. No durable write is faster.
pub fn sync_time(folder: &Path, times: usize) -> Result<Histogram<u64>> {
    let path = folder.join("sync-time");
    let mut file = File::create(&path)?;
    let mut histogram = Histogram::new(3)?;
    for _ in 0..times {
        let start = clock::now();
        file.write_all(&[b'x'; 4096])?;
        file.sync_data()?;
        histogram.record(u64::try_from(clock::since(start).as_micros())?)?;
    }
    fs::remove_file(path)?;
    Ok(histogram)
}
