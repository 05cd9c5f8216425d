//! Fuzz targets for configuration files and the files that they name.

use super::{Config, Files, ValidConfig, files::named, load::of_text};
use crate::fuzzing::{FuzzTarget, split};

pub(crate) const TARGETS: &[FuzzTarget] = &[("config", config)];

/// A configuration, and the content of each file that it names.
fn config(input: &[u8]) {
    let (text, file) = split(input);
    let (Ok(text), Ok(file)) = (std::str::from_utf8(text), std::str::from_utf8(file)) else { return };
    let config = match of_text(text, "a file", []) {
        Ok(config) => config,
        Err(error) => {
            assert!(!error.violations.is_empty(), "the error has no violation");
            return;
        }
    };
    check_written(&config);
    let files: Files = named(&config).map(|path| (path.to_owned(), file)).collect();
    if let Err(violations) = ValidConfig::new(config, &files) {
        assert!(violations.iter().all(|violation| !violation.description.is_empty()));
    }
}

/// A serialized configuration parses back to the same value. Secrets are not serialized.
fn check_written(config: &Config) {
    if !config.rest.legacy_keys.is_empty() {
        return;
    }
    // TOML cannot represent numbers above 2^63.
    let Ok(text) = toml::to_string(config) else { return };
    assert_eq!(of_text(&text, "a file", []).as_ref(), Ok(config), "{text}");
}
