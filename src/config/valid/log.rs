//! `log.filter`.

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use crate::{config::Log, domain::error::Violation};

/// What is wrong with `log.filter`, if anything is. A word alone must be a level: it would be taken for the name of
/// a module otherwise, and the log would stay empty.
pub(super) fn check_filter(config: &Log) -> Option<Violation> {
    let filter = config.filter.trim();
    let is_word = !filter.is_empty() && filter.chars().all(char::is_alphanumeric);
    let parsed = match is_word {
        true => filter.parse::<LevelFilter>().map(drop).map_err(|_| "is no level".to_owned()),
        false => EnvFilter::try_new(filter).map(drop).map_err(|error| format!("cannot be read: {error}")),
    };
    let advice = "write error, warn, info, debug or trace, or directives such as \"info,passbridge=debug\"";
    parsed.err().map(|wrong| Violation::new("log.filter", format!("{:?} {wrong}; {advice}", config.filter)))
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
