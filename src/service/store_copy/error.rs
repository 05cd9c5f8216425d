//! Why a copy is not whole.

use std::fmt::Display;

use crate::domain::error::Error;

/// Why a copy is not whole. The text is for the operator, and holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The target cannot be looked at.
    #[error("the target cannot be read: {}", .0.operator_message())]
    Target(Error),
    /// The target is something else.
    #[error(
        "the target holds something already, first of all {0}: a copy takes an empty store; give the target another folder \
         (store.path) or another database (store.url), or remove what is there"
    )]
    Occupied(String),
    /// The target is to be a copy of another store.
    #[error(
        "the target holds a copy of another store that was broken off: finish that one, or remove what is there, or give the \
         target another folder (store.path) or another database (store.url)"
    )]
    AnotherCopy,
    /// A store failed.
    #[error(
        "{record}: {}; what was copied stays: when that is mended, the same command goes on with the rest",
        .error.operator_message()
    )]
    Unfinished {
        /// What it is about.
        record: String,
        /// Why.
        error: Error,
    },
    /// The target has another one in the place of a record.
    #[error(
        "{0} is not the same in the target: the source or the target was used since the copy was begun; stop every server over \
         either, remove what is in the target, and begin anew"
    )]
    Differs(String),
    /// The comparison did not find a record in the target.
    #[error(
        "{0} of the source is not so in the target: the source was used while it was copied; stop every server over it, and \
         give the same command again"
    )]
    Missed(String),
    /// The comparison did not find a record in the source.
    #[error(
        "{0} of the target is not so in the source, which was used since the copy was begun; stop every server over it, remove \
         what is in the target, and begin anew"
    )]
    Surplus(String),
}

impl CopyError {
    pub(super) fn unfinished(record: impl Display, error: impl Into<Error>) -> Self {
        Self::Unfinished { record: record.to_string(), error: error.into() }
    }
}
