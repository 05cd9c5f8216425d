//! Shows the progress of a file's resets on a terminal: count, rate, time left, failures.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::domain::clock::Stopwatch;

/// The refresh rate of the bar, in Hz.
const DRAWS_A_SECOND: u8 = 10;

/// The number of failures printed individually. The file of failed lines has all of them.
const FAILURES_TOLD: u64 = 20;

/// The progress bar. Hidden if standard error is not a terminal.
pub(super) struct ProgressDisplay {
    bar: ProgressBar,
    bytes_read: Arc<AtomicU64>,
    started: Stopwatch,
    /// Lines that were answered.
    pub answered: u64,
    /// Trials that were reset.
    pub reset: u64,
    /// Lines that failed.
    pub failed: u64,
}

impl ProgressDisplay {
    /// Creates the bar for an input of `size` bytes. `bytes_read` counts the bytes read so far.
    pub(super) fn new(size: Option<u64>, bytes_read: Arc<AtomicU64>) -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(DRAWS_A_SECOND);
        let bar = ProgressBar::with_draw_target(size, target);
        let template = match size {
            Some(_) => "{bar:30} {percent:>3}%  {msg}  {eta} left",
            None => "{spinner}  {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar, bytes_read, started: Stopwatch::start(), answered: 0, reset: 0, failed: 0 }
    }

    /// Counts an answered line.
    pub(super) fn answer(&mut self, reset_count: u64) {
        self.answered += 1;
        self.reset += reset_count;
        self.draw();
    }

    /// Counts a failed line, and prints its error.
    pub(super) fn fail(&mut self, line: u64, error: &str) {
        self.answered += 1;
        self.failed += 1;
        if self.failed <= FAILURES_TOLD {
            self.bar.suspend(|| eprintln!("line {line}: {error}"));
        }
        if self.failed == FAILURES_TOLD {
            self.bar.suspend(|| {
                eprintln!("further failures are counted and written to the file, but not printed")
            });
        }
        self.draw();
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// The summary printed at the end.
    pub(super) fn summary(&self) -> String {
        format!(
            "{} lines, {} trials reset, {} lines failed, {}",
            self.answered,
            self.reset,
            self.failed,
            humantime::format_duration(Duration::from_millis(
                u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
            ))
        )
    }

    fn draw(&self) {
        if self.bar.is_hidden() {
            return;
        }
        let seconds = self.started.elapsed().as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "the rate is for display only")]
        let rate = self.answered as f64 / seconds;
        self.bar.set_message(format!("{} done, {rate:.0}/s, {} failed", self.answered, self.failed));
        self.bar.set_position(self.bytes_read.load(Ordering::Relaxed));
    }
}
