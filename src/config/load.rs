//! Reads the configuration file, applies the environment variables, and reports every problem.

use std::{ffi::OsString, fmt, path::Path};

use toml::{Table, Value};

use super::{Config, unknown};
use crate::domain::error::Violation;

/// Environment variables with this prefix and at least one `__` after it are configuration.
const PREFIX: &str = "PASSBRIDGE_";

/// Keys whose values must not appear in errors.
const SECRETS: [&str; 1] = ["legacy_keys"];

/// The separator of the levels of a key in an environment variable. Variables without it, such as the
/// `PASSBRIDGE_PORT` that Kubernetes sets for a service named passbridge, are ignored.
const SEPARATOR: &str = "__";

/// Why the configuration is invalid, in sentences for the operator.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where it was read from: the file, or the environment variables.
    pub source: String,
    /// What is wrong, by key.
    pub violations: Vec<Violation>,
}

impl ConfigError {
    /// An error about values, wherever they were read from.
    #[must_use]
    pub fn of_values(violations: Vec<Violation>) -> Self {
        Self { source: "values".to_owned(), violations }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the configuration ({}) is invalid:", self.source)?;
        for violation in &self.violations {
            write!(formatter, "\n  {violation}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Reads `file`, if given, and applies `variables` to it.
///
/// # Errors
/// If the file cannot be read or is not TOML, or if a key or value is invalid. All unknown keys are reported
/// at once.
pub fn load(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Config, ConfigError> {
    let Some(file) = file else { return of_text("", "environment variables", variables) };
    let source = file.display().to_string();
    match std::fs::read_to_string(file) {
        Ok(text) => of_text(&text, &source, variables),
        Err(error) => {
            let violation = Violation::new("", format!("the file cannot be read: {error}"));
            Err(ConfigError { source, violations: vec![violation] })
        }
    }
}

/// Parses the text of a file, and applies `variables` to it.
pub(super) fn of_text(
    text: &str,
    source: &str,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Config, ConfigError> {
    let fail = |violations| ConfigError { source: source.to_owned(), violations };
    let mut table = read(text).map_err(|violation| fail(vec![violation]))?;
    overlay(&mut table, variables).map_err(|violation| fail(vec![violation]))?;

    let unknown = unknown::unknown_keys(&table);
    if !unknown.is_empty() {
        return Err(fail(unknown));
    }
    serde_path_to_error::deserialize(table).map_err(|error| {
        let field = error.path().to_string();
        let text = error.into_inner().to_string();
        // The error text may contain the secret.
        let is_secret = SECRETS.iter().any(|secret| field.contains(secret));
        let text =
            if is_secret { "has the wrong type; see the configuration reference" } else { text.trim() };
        fail(vec![Violation::new(field.trim_matches('.'), text)])
    })
}

fn read(text: &str) -> Result<Table, Violation> {
    text.parse().map_err(|error: toml::de::Error| {
        // The line itself is left out, because it may contain a secret.
        let line =
            error.span().map_or(1, |span| text.get(..span.start).unwrap_or_default().lines().count().max(1));
        Violation::new("", format!("the file is not valid TOML: line {line}: {}", error.message()))
    })
}

fn overlay(
    table: &mut Table,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(), Violation> {
    let mut ours: Vec<(String, String)> = Vec::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| is_ours(name)) else { continue };
        let value = value.into_string().map_err(|_| Violation::new(name, "is not valid UTF-8"))?;
        ours.push((name.to_owned(), value));
    }
    // Sorted, so that the result does not depend on the order of the variables.
    ours.sort();
    for (name, value) in ours {
        let path: Vec<&str> = name[PREFIX.len()..].split(SEPARATOR).collect();
        insert(table, "", &path, parse(&value))
            .map_err(|description| Violation::new(name.as_str(), description))?;
    }
    Ok(())
}

fn is_ours(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|rest| rest.contains(SEPARATOR))
}

/// Parses a value as TOML, or else takes it as text: `8`, `true` and `["a"]` have their TOML types, and
/// `info` needs no quotes.
fn parse(value: &str) -> Value {
    format!("value = {value}")
        .parse::<Table>()
        .ok()
        .filter(|table| table.len() == 1)
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(value.to_owned()))
}

fn insert(table: &mut Table, parent: &str, path: &[&str], value: Value) -> Result<(), String> {
    let [first, rest @ ..] = path else { return Ok(()) };
    if first.is_empty() {
        return Err("has an empty level; the form is PASSBRIDGE_SECTION__KEY".to_owned());
    }
    let key = key(table, parent, first);
    if rest.is_empty() {
        table.insert(key, value);
        return Ok(());
    }
    match table.entry(key).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(inner) => insert(inner, first, rest, value),
        _ => Err(format!("{first} is a value, not a section")),
    }
}

/// Variables are written in upper case and keys in lower case, but ids of requestors and TempPasses are
/// case-sensitive and are taken as written. A name that matches an existing key in any case refers to that
/// key.
fn key(table: &Table, parent: &str, name: &str) -> String {
    if table.contains_key(name) {
        return name.to_owned();
    }
    let same = table.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned();
    let is_id = ["requestors", "temp_passes"].iter().any(|ids| parent.eq_ignore_ascii_case(ids));
    same.unwrap_or_else(|| if is_id { name.to_owned() } else { name.to_ascii_lowercase() })
}

#[cfg(test)]
mod tests;
