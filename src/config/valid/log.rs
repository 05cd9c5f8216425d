//! `log.filter`, checked.

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use crate::{config::Log, domain::error::Violation};

/// Checks `log.filter`. A single word must be a level: the filter would take any other word as the name of a
/// module, and log nothing.
pub(super) fn check_filter(config: &Log) -> Option<Violation> {
    let filter = config.filter.trim();
    let is_word = !filter.is_empty() && filter.chars().all(char::is_alphanumeric);
    let parsed = match is_word {
        true => filter.parse::<LevelFilter>().map(drop).map_err(|_| "is not a level".to_owned()),
        false => EnvFilter::try_new(filter).map(drop).map_err(|error| format!("is invalid: {error}")),
    };
    let rule = "must be error, warn, info, debug or trace, or directives such as \"info,passbridge=debug\"";
    parsed.err().map(|wrong| Violation::new("log.filter", format!("{rule}; {:?} {wrong}", config.filter)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_word_must_be_a_level() {
        for filter in ["info", "WARN", "", "off", "info,passbridge=debug", "passbridge::store=trace"] {
            assert_eq!(check_filter(&Log { filter: filter.to_owned(), ..Log::default() }), None, "{filter}");
        }
        for filter in ["warning", "verbose", "passbridge=loud"] {
            let found = check_filter(&Log { filter: filter.to_owned(), ..Log::default() });
            assert_eq!(found.map(|violation| violation.field).as_deref(), Some("log.filter"), "{filter}");
        }
    }
}
