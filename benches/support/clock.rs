//! The machine's clock. Measurements are of what really takes so long, so nothing else in the project reads it.

use std::time::{Duration, Instant};

/// This instant.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub fn now() -> Instant {
    Instant::now()
}

/// How long ago `start` was.
pub fn since(start: Instant) -> Duration {
    now().saturating_duration_since(start)
}
