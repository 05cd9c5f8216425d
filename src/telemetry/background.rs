//! Writes the log on a separate thread. Lines that do not fit into its queue are dropped and counted, so that
//! a slow or blocked reader of the log delays no call.

use std::{
    io::stderr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// How many lines can be queued.
const WAITING_MAX: usize = 8_192;

/// How often the count of dropped lines is checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The counter of the process's log.
static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// The number of log lines dropped since the process started.
pub(super) fn dropped_lines() -> u64 {
    DROPPED.get().map_or(0, |dropped| u64::try_from(dropped.dropped_lines()).unwrap_or(u64::MAX))
}

/// The writer of the log. When dropped, it writes the queued lines, for at most one second, because the
/// reader may be blocked.
#[derive(Debug)]
pub(crate) struct BackgroundLog {
    report: Arc<DropReport>,
    _writer: WorkerGuard,
}

impl BackgroundLog {
    /// Starts the writer to standard error, and returns it with its queue.
    pub(super) fn start() -> (Self, NonBlocking) {
        let builder =
            NonBlockingBuilder::default().lossy(true).buffered_lines_limit(WAITING_MAX).thread_name("log");
        let (lines, writer) = builder.finish(stderr());
        let _ = DROPPED.set(lines.error_counter());
        (Self { report: Arc::default(), _writer: writer }, lines)
    }

    /// Logs how many lines were dropped, for as long as the future is polled.
    pub(crate) fn report_drops(&self) -> impl Future<Output = ()> + Send + use<> {
        let report = Arc::clone(&self.report);
        async move {
            loop {
                tokio::time::sleep(CHECK_INTERVAL).await;
                report.check(dropped_lines, ReportPosition::OthersFollow);
            }
        }
    }
}

impl Drop for BackgroundLog {
    fn drop(&mut self) {
        self.report.check(dropped_lines, ReportPosition::Last);
    }
}

/// What has been reported about dropped lines.
#[derive(Debug, Default)]
struct DropReport {
    reported: AtomicU64,
    seen: AtomicU64,
}

/// Whether another check may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReportPosition {
    OthersFollow,
    Last,
}

impl DropReport {
    /// Reports dropped lines that have not been reported. While lines are still being dropped, it waits for
    /// the next check, because the report would be dropped too, unless this is the last check.
    fn check(&self, dropped: impl Fn() -> u64, position: ReportPosition) {
        let now = dropped();
        let goes_on = self.seen.swap(now, Ordering::Relaxed) != now;
        let lines = now.saturating_sub(self.reported.load(Ordering::Relaxed));
        if lines == 0 || (goes_on && position == ReportPosition::OthersFollow) {
            return;
        }
        tracing::warn!(lines, "log lines dropped");
        if dropped() == now {
            self.reported.store(now, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::CapturedLog;

    #[test]
    fn dropped_lines_are_reported_once_when_no_more_are_dropped() {
        let (log, report) = (CapturedLog::of_this_thread(), DropReport::default());
        for dropped in [0, 5, 9] {
            report.check(|| dropped, ReportPosition::OthersFollow);
        }
        assert_eq!(log.text(), "");
        (0..3).for_each(|_| report.check(|| 9, ReportPosition::OthersFollow));
        assert_eq!(log.text().matches("lines=9").count(), 1, "{}", log.text());
        (0..3).for_each(|_| report.check(|| 11, ReportPosition::OthersFollow));
        assert_eq!(log.text().matches("lines=2").count(), 1, "{}", log.text());
    }

    #[test]
    fn a_dropped_report_is_repeated() {
        let (log, report) = (CapturedLog::of_this_thread(), DropReport::default());
        let dropped = AtomicU64::new(9);
        report.check(|| 9, ReportPosition::OthersFollow);
        report.check(|| dropped.fetch_add(1, Ordering::Relaxed), ReportPosition::OthersFollow);
        (0..3).for_each(|_| report.check(|| 10, ReportPosition::OthersFollow));
        assert!(log.text().contains("lines=10"), "{}", log.text());
    }

    #[test]
    fn the_last_check_reports_without_waiting() {
        let (log, report) = (CapturedLog::of_this_thread(), DropReport::default());
        report.check(|| 3, ReportPosition::Last);
        assert!(log.text().contains("lines=3"), "{}", log.text());
    }
}
