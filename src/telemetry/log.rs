//! The log on standard error, and the setup of exported traces.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    fmt::Display,
    io::{IsTerminal, stderr},
    panic::PanicHookInfo,
    thread,
};

use tracing_subscriber::{
    EnvFilter, Layer, filter::FilterExt, layer::SubscriberExt, util::SubscriberInitExt,
};

use super::{
    background::BackgroundLog, library_detail::without_library_details, sparse::SparseLine,
    trace::TraceExport,
};
use crate::{
    config::{Log, LogFormat},
    domain::error::Error,
};

/// Libraries that process untrusted input, by which clients could cause any number of lines. They are off
/// unless a directive names them.
const QUIET_LIBRARIES: [&str; 9] =
    ["axum", "h2", "hyper", "hyper_util", "rustls", "tokio_rustls", "tonic", "tower", "tower_http"];

/// Why telemetry cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TelemetryError {
    /// `log.filter` is invalid.
    #[error(
        "log.filter: must be a level such as \"info\", or directives such as \"info,passbridge=debug\"; {0}"
    )]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// An `OTEL_*` variable requests something that passbridge does not support.
    #[error("{0}")]
    Traces(String),
    /// The process already has a log.
    #[error("the log is already set up: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Sets up the log, and the export of traces if the standard `OTEL_*` variables request it. Call it on the
/// runtime that will drive the export, and keep the returned log until nothing more is logged.
///
/// # Errors
/// If the filter or a variable is invalid.
pub(crate) fn init(config: &Log) -> Result<(BackgroundLog, Option<TraceExport>), TelemetryError> {
    let filter = filter(&config.filter)?;
    let traces = TraceExport::from_environment()?;
    let (log, writer) = BackgroundLog::start();
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = match config.format {
        LogFormat::Text => lines.with_ansi(stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(traces.as_ref().map(TraceExport::layer))
        .with(lines.with_filter(filter.and(without_library_details())))
        .try_init()?;
    std::panic::set_hook(Box::new(report_panic));
    Ok((log, traces))
}

/// The operator's filter. It takes precedence where it names one of [`QUIET_LIBRARIES`].
fn filter(directives: &str) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
    let directives = if directives.trim().is_empty() { "error" } else { directives };
    let quiet = QUIET_LIBRARIES.map(|library| format!("{library}=off")).join(",");
    EnvFilter::try_new(format!("{quiet},{directives}"))
}

/// Logs a panic. The standard library would write it from the panicking thread, which a blocked reader of the
/// log could stall.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let (thread, backtrace) = (thread::current(), Backtrace::capture());
    let backtrace =
        (backtrace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(backtrace));
    tracing::error!(
        thread = thread.name().unwrap_or_default(),
        location = panic.location().map(tracing::field::display),
        cause = panic.payload_as_str().unwrap_or_default(),
        backtrace,
        "thread panicked"
    );
}

/// Logs the details of an error that are only for the operator.
pub(crate) fn report_error(error: &Error) {
    match error {
        Error::Internal(cause) => report_defect(cause),
        // The store itself logs a failure once; calls that it fails add nothing new.
        Error::StoreUnavailable(cause) => tracing::debug!(%cause, "store unavailable"),
        _ => {}
    }
}

/// Logs a defect of passbridge. Many calls may run into the same defect, so lines are limited.
pub(crate) fn report_defect(cause: impl Display) {
    static LINE: SparseLine = SparseLine::new();
    match LINE.permit() {
        Some(others) => tracing::error!(%cause, others_since_last_line = others, "internal error"),
        None => tracing::debug!(%cause, "internal error"),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, panic};

    use toml::{Table, Value};

    use super::*;
    use crate::telemetry::CapturedLog;

    /// Libraries whose log lines no client can cause: the store, time zones, build-time libraries, and those
    /// for outbound calls.
    const OTHERS_THAT_LOG: [&str; 16] = [
        "fjall",
        "jiff",
        "jiff-core",
        "jni",
        "lsm-tree",
        "prost-build",
        "quinn",
        "quinn-proto",
        "quinn-udp",
        "redis",
        "reqwest",
        "rustls-platform-verifier",
        "sfa",
        "tracing-log",
        "tracing-opentelemetry",
        "tracing-subscriber",
    ];

    #[test]
    fn every_logging_library_is_quiet_or_listed_as_harmless() {
        let lock: Table = include_str!("../../Cargo.lock").parse().expect("TOML");
        let packages = lock["package"].as_array().expect("packages");
        let logs = |package: &&Value| {
            let uses = package.get("dependencies").and_then(Value::as_array).into_iter().flatten();
            uses.filter_map(Value::as_str).any(|name| matches!(name, "tracing" | "log"))
        };
        let own = ["passbridge", "mock-provider"];
        let logging = packages.iter().filter(logs).filter_map(|package| package["name"].as_str());
        let unknown: BTreeSet<_> = logging
            .filter(|name| !own.contains(name) && !OTHERS_THAT_LOG.contains(name))
            .filter(|name| !QUIET_LIBRARIES.contains(&name.replace('-', "_").as_str()))
            .collect();
        assert!(unknown.is_empty(), "decide whether clients can make these libraries log: {unknown:?}");
    }

    fn logged(directives: &str) -> String {
        let log = CapturedLog::filtered(filter(directives).expect("is a filter"));
        tracing::warn!(target: "h2::proto::ping_pong", "by a client");
        tracing::warn!(target: "fjall", "by the store");
        tracing::info!("by passbridge");
        log.text()
    }

    #[test]
    fn quiet_libraries_log_only_if_the_filter_names_them() {
        for directives in ["info", "trace", "info,passbridge=debug"] {
            let text = logged(directives);
            assert!(!text.contains("by a client"), "{directives}: {text}");
            assert!(text.contains("by the store") && text.contains("by passbridge"), "{directives}: {text}");
        }
        for directives in ["info,h2=warn", "h2=debug,info", "off,h2::proto=trace"] {
            assert!(logged(directives).contains("by a client"), "{directives}");
        }
        assert_eq!(logged(""), "");
    }

    #[test]
    fn a_panic_is_logged() {
        let log = CapturedLog::of_this_thread();
        let before = panic::take_hook();
        panic::set_hook(Box::new(report_panic));
        let outcome = panic::catch_unwind(|| panic!("on purpose"));
        panic::set_hook(before);
        assert!(outcome.is_err());
        let text = log.text();
        assert!(text.contains("thread panicked") && text.contains("on purpose"), "{text}");
        assert!(text.contains("src/telemetry/log.rs"), "{text}");
    }
}
