//! Waiting by asking.

use std::{thread, time::Duration};

/// Between two questions, at first and later, so that what many wait for at once is not slowed down by their questions.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(30);
/// A minute of pauses; only what fails waits so long.
const QUESTIONS: u32 = 2000;

/// Asks until there is an answer.
///
/// # Panics
///
/// Where none comes for a minute; `what` says what did not happen.
pub(crate) fn until<T>(what: impl FnOnce() -> String, mut ask: impl FnMut() -> Option<T>) -> T {
    let mut pause = FIRST_PAUSE;
    for _ in 0..QUESTIONS {
        if let Some(answer) = ask() {
            return answer;
        }
        thread::sleep(pause);
        pause = LONGEST_PAUSE.min(pause * 2);
    }
    panic!("not within a minute: {}", what());
}
