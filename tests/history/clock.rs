//! One monotonic clock for all clients, and conversion of the server's timestamps to it. Histories record when calls really started
//! and ended, so this module reads the machine's clock; the rest of the tests does not.

use std::time::{Instant, SystemTime};

use prost_types::Timestamp;

/// A clock that counts nanoseconds since its creation.
pub struct Clock {
    start: Instant,
    start_time: SystemTime,
}

impl Clock {
    /// Starts a clock at 0.
    #[expect(clippy::disallowed_methods, reason = "histories record real time")]
    pub fn new() -> Self {
        Self { start: Instant::now(), start_time: SystemTime::now() }
    }

    /// The time since its creation.
    #[expect(clippy::disallowed_methods, reason = "histories record real time")]
    pub fn now(&self) -> i64 {
        nanoseconds(Instant::now().saturating_duration_since(self.start).as_nanos())
    }

    /// Converts a timestamp of the server, which uses the wall clock of the same machine.
    pub fn at(&self, time: &Timestamp) -> i64 {
        let start = self.start_time.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        time.seconds * 1_000_000_000 + i64::from(time.nanos) - nanoseconds(start.as_nanos())
    }
}

fn nanoseconds(count: u128) -> i64 {
    i64::try_from(count).expect("less than three centuries")
}
