//! The log behind the serving threads: a thread of its own writes it, and lines for which that thread has no room are counted
//! and left out. A reader of the log that is slow, or does not read at all, keeps no call waiting.

use std::{
    io::stderr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// How many lines may wait to be written.
const WAITING_MAX: usize = 8_192;

/// How often it is looked whether lines were dropped.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Of the process's log, which there is one of.
static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// How many lines of the log were dropped since the process began.
pub(super) fn dropped_lines() -> u64 {
    DROPPED.get().map_or(0, |dropped| u64::try_from(dropped.dropped_lines()).unwrap_or(u64::MAX))
}

/// What writes the log. Dropped, it writes what waits; for a second at most, since nobody may be reading.
#[derive(Debug)]
pub(crate) struct BackgroundLog {
    report: Arc<DropReport>,
    _writer: WorkerGuard,
}

impl BackgroundLog {
    /// What writes to standard error, and where lines are handed over to it.
    pub(super) fn start() -> (Self, NonBlocking) {
        let builder =
            NonBlockingBuilder::default().lossy(true).buffered_lines_limit(WAITING_MAX).thread_name("log");
        let (lines, writer) = builder.finish(stderr());
        let _ = DROPPED.set(lines.error_counter());
        (Self { report: Arc::default(), _writer: writer }, lines)
    }

    /// Says in the log, from time to time and for as long as it is polled, how many lines were dropped.
    pub(crate) fn report_drops(&self) -> impl Future<Output = ()> + Send + use<> {
        let report = Arc::clone(&self.report);
        async move {
            loop {
                tokio::time::sleep(LOOK_INTERVAL).await;
                report.look(dropped_lines, ReportPosition::OthersFollow);
            }
        }
    }
}

impl Drop for BackgroundLog {
    fn drop(&mut self) {
        self.report.look(dropped_lines, ReportPosition::Last);
    }
}

/// What the log has said about lines that were dropped.
#[derive(Debug, Default)]
struct DropReport {
    told: AtomicU64,
    seen: AtomicU64,
}

/// Whether another look may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReportPosition {
    OthersFollow,
    Last,
}

impl DropReport {
    /// Tells of what was dropped and is not told yet; of what is still going on only where no other look follows, since the
    /// line would be dropped too.
    fn look(&self, dropped: impl Fn() -> u64, pace: ReportPosition) {
        let now = dropped();
        let goes_on = self.seen.swap(now, Ordering::Relaxed) != now;
        let lines = now.saturating_sub(self.told.load(Ordering::Relaxed));
        if lines == 0 || (goes_on && pace == ReportPosition::OthersFollow) {
            return;
        }
        tracing::warn!(lines, "lines of the log were dropped: they came faster than they were read");
        if dropped() == now {
            self.told.store(now, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::CapturedLog;

    #[test]
    fn dropped_lines_are_told_once_when_no_more_are_dropped() {
        let (log, report) = (CapturedLog::of_this_thread(), DropReport::default());
        for dropped in [0, 5, 9] {
            report.look(|| dropped, ReportPosition::OthersFollow);
        }
        assert_eq!(log.text(), "");
        (0..3).for_each(|_| report.look(|| 9, ReportPosition::OthersFollow));
        assert_eq!(log.text().matches("lines=9").count(), 1, "{}", log.text());
        (0..3).for_each(|_| report.look(|| 11, ReportPosition::OthersFollow));
        assert_eq!(log.text().matches("lines=2").count(), 1, "{}", log.text());
    }

    #[test]
    fn a_report_that_was_dropped_itself_is_made_again() {
        let (log, report) = (CapturedLog::of_this_thread(), DropReport::default());
        let dropped = AtomicU64::new(9);
        report.look(|| 9, ReportPosition::OthersFollow);
        report.look(|| dropped.fetch_add(1, Ordering::Relaxed), ReportPosition::OthersFollow);
        (0..3).for_each(|_| report.look(|| 10, ReportPosition::OthersFollow));
        assert!(log.text().contains("lines=10"), "{}", log.text());
    }

    #[test]
    fn at_the_end_they_are_told_without_waiting() {
        let (log, report) = (CapturedLog::of_this_thread(), DropReport::default());
        report.look(|| 3, ReportPosition::Last);
        assert!(log.text().contains("lines=3"), "{}", log.text());
    }
}
