//! Time that may be spent on waiting until nothing else keeps the machine busy.

use std::time::Duration;

use super::{Result, cpu};

/// How many cores may be busy with something else: the kernel's own threads write to the disk and make a tenth.
pub const DISTURBED: f64 = 0.25;

/// The time that is left for it.
pub struct Patience(pub Duration);

impl Patience {
    /// Takes `time`, if there is as much.
    pub fn spend(&mut self, time: Duration) -> Option<()> {
        self.0 = self.0.checked_sub(time)?;
        Some(())
    }

    /// Waits until the machine is quiet, or no time is left.
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
