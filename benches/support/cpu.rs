//! CPU time, as reported by the kernel.

use std::{fs, time::Duration};

use super::{Result, process::Server};

/// The CPU time of a server, this process and the machine.
pub struct Spent([Duration; 3]);

impl Spent {
    /// The CPU time since the start of each.
    pub fn until_now(server: &Server) -> Result<Self> {
        Ok(Self([server.cpu()?, of_process("self")?, of_machine()?]))
    }

    /// The CPU time since then, in seconds.
    pub fn since(self, before: Self) -> [f64; 3] {
        std::array::from_fn(|index| self.0[index].saturating_sub(before.0[index]).as_secs_f64())
    }
}

/// The CPU time of the whole machine, with the time that the hypervisor took.
pub fn of_machine() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let ticks: Vec<u64> =
        stat.lines().next().unwrap_or_default().split(' ').filter_map(|field| field.parse().ok()).collect();
    match ticks.as_slice() {
        [user, nice, system, _idle, _wait, _hard, _soft, stolen, ..] => {
            ticks_to_time(user + nice + system + stolen)
        }
        _ => Err("/proc/stat has an unknown format".into()),
    }
}

/// The CPU time of a process.
pub fn of_process(id: &str) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The name in parentheses may contain spaces. After it, utime and stime are the 12th and 13th fields.
    let (_, fields) = stat.rsplit_once(") ").ok_or("stat of a process has an unknown format")?;
    let ticks =
        fields.split(' ').skip(11).take(2).map(str::parse::<u64>).sum::<std::result::Result<u64, _>>()?;
    ticks_to_time(ticks)
}

fn ticks_to_time(ticks: u64) -> Result<Duration> {
    Ok(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second())?)
}
