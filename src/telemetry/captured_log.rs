//! Captures the log in tests.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tracing::{level_filters::LevelFilter, subscriber::DefaultGuard};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt};

/// The log of this thread, from its creation until it is dropped.
pub(crate) struct CapturedLog {
    lines: Lines,
    _guard: DefaultGuard,
}

/// Log lines in memory.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl CapturedLog {
    /// Starts capturing.
    pub(crate) fn of_this_thread() -> Self {
        Self::filtered(EnvFilter::default().add_directive(LevelFilter::INFO.into()))
    }

    /// Starts capturing lines that pass the filter.
    pub(crate) fn filtered(filter: EnvFilter) -> Self {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(layer).with(filter);
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// What has been logged so far.
    pub(crate) fn text(&self) -> String {
        self.lines.text()
    }
}

impl Lines {
    /// What has been written so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
