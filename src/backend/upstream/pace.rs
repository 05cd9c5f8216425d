//! The provider's throttle, kept on our side: a call a second for each device, ten at once, the device being the address
//! in `X-Forwarded-For` (reference, section 6). Who keeps it waits here for what the provider would refuse.

use std::time::Duration;

use crate::domain::{
    address::Address,
    clock::SharedClock,
    leaky_bucket::{LeakyBuckets, Rate},
};

const SECOND: Duration = Duration::from_secs(1);

/// How many calls of a device may leave at once: one less than may arrive, since some take longer on their way than others.
const BURST: u32 = 9;

/// How long a call waits for its turn at most, however long its caller would: so many calls of one device wait.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// The pace of each device.
#[derive(Debug)]
pub(super) struct Pace {
    devices: LeakyBuckets<Address>,
    rate: Rate,
}

impl Pace {
    pub(super) fn new(clock: SharedClock) -> Self {
        Self { devices: LeakyBuckets::new(clock), rate: Rate::new(1, SECOND, BURST) }
    }

    /// Counts a call of the device, and says how long to wait before it is made.
    ///
    /// # Errors
    /// Where that is longer than `longest`; it is not counted then.
    pub(super) fn reserve(&self, device: Address, longest: Duration) -> Result<Duration, Duration> {
        self.devices.reserve(&device, self.rate, longest.min(WAIT_MAX))
    }

    /// Whether the device has called more than once in the last second.
    pub(super) fn was_fast(&self, device: Address) -> bool {
        self.devices.admit(&device, Rate::new(1, SECOND, 2)).is_err()
    }
}
