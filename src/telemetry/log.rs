//! The log on standard error, and what traces are exported beside it.

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

/// Libraries that speak with strangers, who can have them log as much as they like: off, unless a directive names them.
const QUIET_LIBRARIES: [&str; 9] =
    ["axum", "h2", "hyper", "hyper_util", "rustls", "tokio_rustls", "tonic", "tower", "tower_http"];

/// Why telemetry cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TelemetryError {
    /// `log.filter` is not one.
    #[error(
        "log.filter: {0}; write a level such as \"info\", or directives such as \"info,passbridge=debug\""
    )]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// An `OTEL_*` variable asks for what passbridge does not speak.
    #[error("{0}")]
    Traces(String),
    /// The process has a log already.
    #[error("the log is set up already: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Sets up the log, and the export of traces where the standard `OTEL_*` variables ask for it. Call it on the
/// runtime that will drive the export, and keep the log for as long as there may be anything to write.
///
/// # Errors
/// Where the filter or the variables cannot be understood.
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

/// What the operator wants to read, which decides where it names one of [`QUIET_LIBRARIES`].
fn filter(wanted: &str) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
    let wanted = if wanted.trim().is_empty() { "error" } else { wanted };
    let quiet = QUIET_LIBRARIES.map(|library| format!("{library}=off")).join(",");
    EnvFilter::try_new(format!("{quiet},{wanted}"))
}

/// Logs a panic. By the standard library it would be written by the thread itself, which a reader of the log could stop.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let (thread, backtrace) = (thread::current(), Backtrace::capture());
    let backtrace =
        (backtrace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(backtrace));
    tracing::error!(
        thread = thread.name().unwrap_or_default(),
        location = panic.location().map(tracing::field::display),
        cause = panic.payload_as_str().unwrap_or_default(),
        backtrace,
        "a thread has panicked"
    );
}

/// Logs what of an error only the operator may know.
pub(crate) fn report_error(error: &Error) {
    match error {
        Error::Internal(cause) => report_defect(cause),
        // The store says once in the log what is wrong with it; each call that meets it is no news.
        Error::StoreUnavailable(cause) => tracing::debug!(%cause, "store unavailable"),
        _ => {}
    }
}

/// Logs a defect of passbridge, which each of many calls may meet.
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

    /// Libraries that log, and nothing that a stranger could cause: the store, time zones, what is for the build alone, or for
    /// calls to others.
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
    fn every_library_that_logs_is_quiet_or_known_to_log_nothing_that_strangers_cause() {
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
        assert!(unknown.is_empty(), "say whether strangers can have these log: {unknown:?}");
    }

    fn logged(wanted: &str) -> String {
        let log = CapturedLog::filtered(filter(wanted).expect("is a filter"));
        tracing::warn!(target: "h2::proto::ping_pong", "by a stranger");
        tracing::warn!(target: "fjall", "by the store");
        tracing::info!("by ourselves");
        log.text()
    }

    #[test]
    fn what_strangers_cause_in_libraries_is_logged_only_where_the_operator_names_them() {
        for wanted in ["info", "trace", "info,passbridge=debug"] {
            let text = logged(wanted);
            assert!(!text.contains("by a stranger"), "{wanted}: {text}");
            assert!(text.contains("by the store") && text.contains("by ourselves"), "{wanted}: {text}");
        }
        for wanted in ["info,h2=warn", "h2=debug,info", "off,h2::proto=trace"] {
            assert!(logged(wanted).contains("by a stranger"), "{wanted}");
        }
        assert_eq!(logged(""), "");
    }

    #[test]
    fn a_panic_is_a_line_of_the_log() {
        let log = CapturedLog::of_this_thread();
        let before = panic::take_hook();
        panic::set_hook(Box::new(report_panic));
        let outcome = panic::catch_unwind(|| panic!("on purpose"));
        panic::set_hook(before);
        assert!(outcome.is_err());
        let text = log.text();
        assert!(text.contains("a thread has panicked") && text.contains("on purpose"), "{text}");
        assert!(text.contains("src/telemetry/log.rs"), "{text}");
    }
}
