//! Warnings about unexpected but usable input.

/// The maximum length of quoted input in a message, in characters.
const QUOTE_MAX: usize = 64;

/// A warning about a request that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The field, in the spelling of the face that received it.
    pub field: String,
    /// The reason, for programs.
    pub reason: WarningReason,
    /// The problem and how it was handled, for people. Long values are cut.
    pub message: String,
}

/// The reason of a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarningReason {
    /// The value is not one of the key's listed values.
    UnlistedValue,
    /// The key is unknown.
    UnknownKey,
    /// The value has another JSON type than the key requires, and was converted.
    UnexpectedType,
    /// The key is an alias of a known key, and was read as that key.
    AliasedKey,
    /// The key occurs more than once; one value was used.
    DuplicateKey,
    /// The backend ignores the field.
    FieldIgnored,
    /// The code has another TTL than requested.
    TtlNotHonoured,
}

impl Warning {
    /// Creates the warning about a field that the backend ignores.
    #[must_use]
    pub fn ignored(field: &str, why: &str) -> Self {
        Self::new(field, WarningReason::FieldIgnored, why)
    }

    /// Creates the warning about a TTL that the upstream replaced.
    #[must_use]
    pub fn ttl_not_honoured(requested: std::time::Duration, actual: std::time::Duration) -> Self {
        let text = format!(
            "the upstream sets the TTL of its codes: {} s instead of the requested {} s",
            actual.as_secs(),
            requested.as_secs()
        );
        Self::new("ttl", WarningReason::TtlNotHonoured, text)
    }

    pub(super) fn new(field: &str, reason: WarningReason, message: impl Into<String>) -> Self {
        Self { field: shorten(field), reason, message: message.into() }
    }
}

/// Returns `text` in quotes, shortened, with control characters escaped.
pub(super) fn quote(text: &str) -> String {
    format!("{:?}", shorten(text))
}

/// Returns at most the first 64 characters of `text`.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(QUOTE_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
