//! What is said about input that is odd, but usable.

/// The longest piece of the input that a message repeats, in characters.
const QUOTE_MAX: usize = 64;

/// Something odd that did not stop the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The key, as the face through which it came spells it.
    pub field: String,
    /// What was found, for programs.
    pub reason: WarningReason,
    /// What was found and what became of it, for people. Bounded, however long the value was.
    pub message: String,
}

/// Why a warning was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarningReason {
    /// The value is not in the list that the key has.
    UnlistedValue,
    /// The key is not one that is known.
    UnknownKey,
    /// The value has another JSON type than the key calls for, and was converted.
    UnexpectedType,
    /// The key is another name of a known one, and was read as that.
    AliasedKey,
    /// The key was there more than once; one value was kept.
    DuplicateKey,
    /// The backend that answered has no use for the field.
    FieldIgnored,
    /// The code lives for another time than was asked for.
    TtlNotHonoured,
}

impl Warning {
    /// A field that the backend has no use for.
    #[must_use]
    pub fn ignored(field: &str, why: &str) -> Self {
        Self::new(field, WarningReason::FieldIgnored, why)
    }

    /// A time that the upstream decided otherwise about.
    #[must_use]
    pub fn ttl_not_honoured(wished: std::time::Duration, given: std::time::Duration) -> Self {
        let text = format!(
            "the upstream sets the TTL of its codes: {} s instead of the requested {} s",
            given.as_secs(),
            wished.as_secs()
        );
        Self::new("ttl", WarningReason::TtlNotHonoured, text)
    }

    pub(super) fn new(field: &str, reason: WarningReason, message: impl Into<String>) -> Self {
        Self { field: shorten(field), reason, message: message.into() }
    }
}

/// `text` in quotes, with control characters escaped and without what is too long to repeat.
pub(super) fn quote(text: &str) -> String {
    format!("{:?}", shorten(text))
}

/// At most the first 64 characters of `text`.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(QUOTE_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
