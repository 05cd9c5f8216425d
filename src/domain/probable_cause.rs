//! What probably led to an error, and what to do about it: the most likely cause first.

use super::error::Error;

/// A probable cause of an error and its remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbableCause {
    /// What may have led to the error.
    pub cause: &'static str,
    /// What to do where that was it.
    pub remedy: &'static str,
}

const CODE_NOT_FOUND: &[ProbableCause] = &[
    ProbableCause {
        cause: "The code has expired, or a finished login or a delete released it.",
        remedy: "Have the TV ask for a new code and type that one.",
    },
    ProbableCause {
        cause: "The code was made for another requestor or in another environment.",
        remedy: "Ask with the requestor_id and environment that the TV's request had.",
    },
    ProbableCause {
        cause: "The code was mistyped.",
        remedy: "Compare it with the TV's screen; case, spaces and dashes do not matter.",
    },
];

const LOOKUP_BUDGET_EXHAUSTED: &[ProbableCause] = &[
    ProbableCause {
        cause: "The viewer typed several codes that do not exist.",
        remedy: "Wait as long as RetryInfo says, then type the code that the TV shows now.",
    },
    ProbableCause {
        cause: "The calls do not say who types, so that all viewers share one budget.",
        remedy: "Fill viewer_ip with the address of the person who typed the code.",
    },
];

const STORE_UNAVAILABLE: &[ProbableCause] = &[ProbableCause {
    cause: "The disk that holds the data folder is full or has failed.",
    remedy: "Look at the server's log and readiness; free space, or mend the disk and restart the server.",
}];

/// The probable causes of `error`, the likeliest first; none where the error itself says it all.
#[must_use]
pub fn probable_causes(error: &Error) -> &'static [ProbableCause] {
    match error {
        Error::CodeNotFound => CODE_NOT_FOUND,
        Error::LookupBudgetExhausted { .. } => LOOKUP_BUDGET_EXHAUSTED,
        Error::StoreUnavailable(_) => STORE_UNAVAILABLE,
        Error::InvalidFields(_)
        | Error::MalformedMessage(_)
        | Error::MessageTooLarge(_)
        | Error::RequestIdReused
        | Error::LiveCodesExhausted { .. }
        | Error::WatchesExhausted { .. }
        | Error::ServiceUnknown
        | Error::NotAuthenticated
        | Error::PermissionMissing { .. }
        | Error::Unsupported(_)
        | Error::ShuttingDown
        | Error::DeadlineExceeded
        | Error::Internal(_) => &[],
    }
}
