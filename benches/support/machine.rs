//! The machine of the measurements.

use std::{fs, path::Path};

use super::{Result, disk, report::milliseconds};

/// Describes the machine, its disk and the build, as Markdown.
pub fn describe(folder: &Path, syncs: usize) -> Result<String> {
    let cores = std::thread::available_parallelism()?;
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cpu = cpu.map_or("unknown processor", |(_, model)| model);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let sync = disk::sync_time(folder, syncs)?;
    Ok(format!(
        "passbridge {}, {} build; {cores} cores of {cpu}, Linux {}; \
         4 KiB appended and synced (fdatasync) in p50 {}, p99 {}\n",
        env!("CARGO_PKG_VERSION"),
        if cfg!(debug_assertions) { "DEBUG" } else { "release" },
        kernel.trim(),
        milliseconds(sync.value_at_quantile(0.5)),
        milliseconds(sync.value_at_quantile(0.99)),
    ))
}
