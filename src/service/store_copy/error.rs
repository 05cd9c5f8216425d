//! The reasons that a copy is incomplete.

use std::fmt::Display;

use crate::domain::error::Error;

/// The reason that a copy is incomplete. The text is for the operator, and contains no secret.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The target cannot be read.
    #[error("cannot read the target: {}", .0.operator_message())]
    Target(Error),
    /// The target is neither empty nor a copy.
    #[error(
        "the target is not empty: it contains {0}; use another folder (store.path) or database (store.url), or delete the \
         target's content"
    )]
    Occupied(String),
    /// The target is an interrupted copy of another store.
    #[error(
        "the target is an interrupted copy of another store; finish that copy, delete the target's content, or use another \
         folder (store.path) or database (store.url)"
    )]
    AnotherCopy,
    /// A store failed.
    #[error(
        "{record}: {}; what was copied is kept: fix the cause, then run the same command again to resume",
        .error.operator_message()
    )]
    Unfinished {
        /// The record that was being copied.
        record: String,
        /// The cause.
        error: Error,
    },
    /// The target has a different record in place of this one.
    #[error(
        "{0} differs in the target, because the source or the target was used after the copy started; stop every server on \
         either store, delete the target's content, and start over"
    )]
    Differs(String),
    /// The comparison did not find a record of the source in the target.
    #[error(
        "{0} of the source is missing or differs in the target, because the source was used during the copy; stop every \
         server on it, and run the same command again"
    )]
    Missed(String),
    /// The comparison did not find a record of the target in the source.
    #[error(
        "{0} of the target is missing or differs in the source, which was used after the copy started; stop every server on \
         it, delete the target's content, and start over"
    )]
    Surplus(String),
}

impl CopyError {
    pub(super) fn unfinished(record: impl Display, error: impl Into<Error>) -> Self {
        Self::Unfinished { record: record.to_string(), error: error.into() }
    }
}
