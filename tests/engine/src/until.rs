//! Waiting by asking.

use std::{thread, time::Duration};

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(5);
/// A minute of pauses; only what fails waits so long.
const QUESTIONS: u32 = 12_000;

/// Asks until there is an answer.
///
/// # Panics
///
/// Where none comes for a minute; `what` says what did not happen.
pub(crate) fn until<T>(what: impl FnOnce() -> String, mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..QUESTIONS {
        if let Some(answer) = ask() {
            return answer;
        }
        thread::sleep(PAUSE);
    }
    panic!("not within a minute: {}", what());
}
