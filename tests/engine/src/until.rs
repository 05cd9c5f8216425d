//! Polling for a condition.

use std::{thread, time::Duration};

/// The pause between polls, at first and later. It grows, so that many concurrent pollers do not slow down what they wait for.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(30);
/// The total of all pauses is a minute. Only a failing test waits that long.
const QUESTIONS: u32 = 2000;

/// Polls until `ask` returns a value.
///
/// # Panics
///
/// Panics after a minute without a value; `what` names the missing condition.
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
