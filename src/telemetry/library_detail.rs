//! How much of what libraries log can be seen, whatever `log.filter` says.

use tracing::{Level, Metadata, level_filters::LevelFilter};
use tracing_subscriber::filter::FilterFn;

/// What this program's own targets begin with.
const OWN: &str = "passbridge";

/// Passes everything of this program's own, and of libraries what is INFO or above. In their debug and trace lines libraries
/// show what they read and send: headers with tokens in them, and keys of records.
pub(super) fn without_library_details() -> FilterFn {
    // Without the hint, every line of every level would be looked at when it is logged.
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
    fn libraries_tell_no_details_though_the_filter_names_them_and_passbridge_does() {
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
