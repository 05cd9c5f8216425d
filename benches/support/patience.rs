//! A limited time to wait until the machine is quiet.

use std::time::Duration;

use super::{Result, cpu};

/// The number of cores that may be busy with other work. Kernel threads that write to the disk take a tenth.
pub const DISTURBED: f64 = 0.25;

/// The remaining time.
pub struct Patience(pub Duration);

impl Patience {
    /// Spends `time`, if this much remains.
    pub fn spend(&mut self, time: Duration) -> Option<()> {
        self.0 = self.0.checked_sub(time)?;
        Some(())
    }

    /// Waits until the machine is quiet, or no time remains.
    pub fn wait_until_quiet(&mut self) -> Result<()> {
        const GLANCE: Duration = Duration::from_secs(1);
        loop {
            let before = cpu::of_machine()?;
            std::thread::sleep(GLANCE);
            let busy = cpu::of_machine()?.saturating_sub(before);
            if busy.as_secs_f64() <= DISTURBED || self.spend(GLANCE).is_none() {
                return Ok(());
            }
        }
    }
}
