//! The log on standard error, and what traces are exported beside it.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

use super::trace::TraceExport;
use crate::{
    config::{Log, LogFormat},
    domain::error::Error,
};

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
/// runtime that will drive the export.
///
/// # Errors
/// Where the filter or the variables cannot be understood.
pub(crate) fn init(config: &Log) -> Result<Option<TraceExport>, TelemetryError> {
    let filter = EnvFilter::try_new(&config.filter)?;
    let traces = TraceExport::from_environment()?;
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr);
    let lines = match config.format {
        LogFormat::Text => lines.with_ansi(stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(traces.as_ref().map(TraceExport::layer))
        .with(lines.with_filter(filter))
        .try_init()?;
    Ok(traces)
}

/// Logs what of an error only the operator may know.
pub(crate) fn report_error(error: &Error) {
    match error {
        Error::Internal(cause) => tracing::error!(%cause, "internal error"),
        // The store says once in the log what is wrong with it; each call that meets it is no news.
        Error::StoreUnavailable(cause) => tracing::debug!(%cause, "store unavailable"),
        _ => {}
    }
}
