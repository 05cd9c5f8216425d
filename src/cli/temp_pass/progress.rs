//! How far a file's resets are, on a terminal: count, rate, time left, failures.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::domain::clock::Stopwatch;

/// How often the bar is drawn.
const DRAWS_A_SECOND: u8 = 10;

/// How many failures are told one by one; the file has all of them.
const FAILURES_TOLD: u64 = 20;

/// The bar. It shows nothing where standard error is no terminal.
pub(super) struct Progress {
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

impl Progress {
    /// For a file of so many bytes, of which `bytes_read` were read.
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

    /// Counts an answer.
    pub(super) fn answer(&mut self, reset_count: u64) {
        self.answered += 1;
        self.reset += reset_count;
        self.draw();
    }

    /// Counts a failure, and tells it.
    pub(super) fn fail(&mut self, line: u64, error: &str) {
        self.answered += 1;
        self.failed += 1;
        if self.failed <= FAILURES_TOLD {
            self.bar.suspend(|| eprintln!("line {line}: {error}"));
        }
        if self.failed == FAILURES_TOLD {
            self.bar.suspend(|| eprintln!("further failures are only counted, and written to the file"));
        }
        self.draw();
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// What there is to say at the end.
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
        #[expect(clippy::cast_precision_loss, reason = "it is a rate for people to read")]
        let rate = self.answered as f64 / seconds;
        self.bar.set_message(format!("{} done, {rate:.0}/s, {} failed", self.answered, self.failed));
        self.bar.set_position(self.bytes_read.load(Ordering::Relaxed));
    }
}
