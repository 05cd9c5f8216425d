//! Suppresses the details that libraries log, whatever `log.filter` says.

use tracing::{Level, Metadata, level_filters::LevelFilter};
use tracing_subscriber::filter::FilterFn;

/// The prefix of this program's own targets.
const OWN: &str = "passbridge";

/// Passes all lines of this program, and lines of libraries at INFO or above. At debug and trace, libraries
/// log what they read and send: headers with tokens, and keys of records.
pub(super) fn without_library_details() -> FilterFn {
    // Without the hint, every log call would be evaluated at every level.
    FilterFn::new(passes as fn(&Metadata<'_>) -> bool).with_max_level_hint(LevelFilter::TRACE)
}

fn passes(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO || metadata.target().split("::").next() == Some(OWN)
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::{EnvFilter, Layer, filter::FilterExt, layer::SubscriberExt};

    use super::*;
    use crate::telemetry::captured_log::Lines;

    #[test]
    fn library_details_are_suppressed_even_if_the_filter_names_the_library() {
        let lines = Lines::default();
        let writer = lines.clone();
        let filter = EnvFilter::new("trace,h2=trace,passbridge_like=trace").and(without_library_details());
        let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone()).with_filter(filter);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::trace!(target: "passbridge::rest", "own detail");
            tracing::info!(target: "h2::codec", "library event");
            tracing::debug!(target: "h2::codec", "library detail");
            tracing::trace!(target: "passbridge_like", "library detail");
        });
        let text = lines.text();
        assert!(text.contains("own detail") && text.contains("library event"), "{text}");
        assert!(!text.contains("library detail"), "{text}");
    }
}
