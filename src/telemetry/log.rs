//! The log on standard error, and what traces are exported beside it.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{
    EnvFilter, Layer, filter::LevelFilter, layer::SubscriberExt, util::SubscriberInitExt,
};

use super::trace::TraceExport;
use crate::{
    config::{Log, LogFormat},
    domain::error::{Error, Violation},
};

/// Why telemetry cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
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

/// What is wrong with `log.filter`, if anything is. A word alone must be a level: it would be taken for the name of
/// a module otherwise, and the log would stay empty.
#[must_use]
pub fn check_filter(config: &Log) -> Option<Violation> {
    let filter = config.filter.trim();
    let is_word = !filter.is_empty() && filter.chars().all(char::is_alphanumeric);
    let parsed = match is_word {
        true => filter.parse::<LevelFilter>().map(drop).map_err(|_| "is no level".to_owned()),
        false => EnvFilter::try_new(filter).map(drop).map_err(|error| format!("cannot be read: {error}")),
    };
    let advice = "write error, warn, info, debug or trace, or directives such as \"info,passbridge=debug\"";
    parsed.err().map(|wrong| Violation::new("log.filter", format!("{:?} {wrong}; {advice}", config.filter)))
}

/// Sets up the log, and the export of traces where the standard `OTEL_*` variables ask for it. Call it on the
/// runtime that will drive the export.
///
/// # Errors
/// Where the filter or the variables cannot be understood.
pub fn init(config: &Log) -> Result<Option<TraceExport>, TelemetryError> {
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
pub fn report_error(error: &Error) {
    match error {
        Error::Internal(cause) => tracing::error!(%cause, "internal error"),
        // The store says once in the log what is wrong with it; each call that meets it is no news.
        Error::StoreUnavailable(cause) => tracing::debug!(%cause, "store unavailable"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_word_must_be_a_level() {
        for filter in ["info", "WARN", "", "off", "info,passbridge=debug", "passbridge::store=trace"] {
            assert_eq!(check_filter(&Log { filter: filter.to_owned(), ..Log::default() }), None, "{filter}");
        }
        for filter in ["warning", "verbose", "passbridge=loud"] {
            let found = check_filter(&Log { filter: filter.to_owned(), ..Log::default() });
            assert_eq!(found.map(|violation| violation.field).as_deref(), Some("log.filter"), "{filter}");
        }
    }
}
