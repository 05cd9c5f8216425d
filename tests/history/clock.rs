//! One monotonic clock for all clients, and what the time of codes is by it. What is recorded is when calls really began and ended,
//! so nothing else of these tests reads the machine's.

use std::time::{Instant, SystemTime};

use prost_types::Timestamp;

/// Nanoseconds since it was made.
pub struct Clock {
    start: Instant,
    start_time: SystemTime,
}

impl Clock {
    /// It counts from now on.
    #[expect(clippy::disallowed_methods, reason = "a history is of what really happened when")]
    pub fn new() -> Self {
        Self { start: Instant::now(), start_time: SystemTime::now() }
    }

    /// How long ago it was made.
    #[expect(clippy::disallowed_methods, reason = "a history is of what really happened when")]
    pub fn now(&self) -> i64 {
        nanoseconds(Instant::now().saturating_duration_since(self.start).as_nanos())
    }

    /// When a time of the server's, which is by the same machine's wall clock, is by this clock.
    pub fn at(&self, time: &Timestamp) -> i64 {
        let start = self.start_time.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        time.seconds * 1_000_000_000 + i64::from(time.nanos) - nanoseconds(start.as_nanos())
    }
}

fn nanoseconds(count: u128) -> i64 {
    i64::try_from(count).expect("less than three centuries")
}
