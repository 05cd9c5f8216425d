//! What probably led to an error, and what to do about it: the most likely cause first, by what the request shows.

use std::borrow::Cow;

use super::{
    authentication::AuthenticationProblem,
    error::{Error, LookupClues},
};

/// A probable cause of an error and its remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbableCause {
    /// What may have led to the error.
    pub cause: Cow<'static, str>,
    /// What to do where that was it.
    pub remedy: &'static str,
}

const fn cause(cause: &'static str, remedy: &'static str) -> ProbableCause {
    ProbableCause { cause: Cow::Borrowed(cause), remedy }
}

const ENDED: ProbableCause = cause(
    "The code has expired, or a finished login or a delete released it.",
    "Have the TV ask for a new code and type that one.",
);
const ELSEWHERE: ProbableCause = cause(
    "The code was made for another requestor or in another environment.",
    "Ask with the requestor_id and environment that the TV's request had.",
);
const MISTYPED: ProbableCause = cause(
    "The code was mistyped.",
    "Compare it with the TV's screen; case, spaces and dashes do not matter.",
);
const IMPOSSIBLE: ProbableCause = cause(
    "The code was mistyped: no code of this server has such a length or such characters.",
    "Compare it with the TV's screen; case, spaces and dashes do not matter.",
);
const SEVERAL_WRONG: ProbableCause = cause(
    "The viewer typed several codes that do not exist.",
    "Wait as long as RetryInfo says, then type the code that the TV shows now.",
);
const NOBODY_NAMED: ProbableCause = cause(
    "The calls do not say who types, so that all viewers share one budget.",
    "Fill viewer_ip with the address of the person who typed the code.",
);
const DISK: ProbableCause = cause(
    "The disk that holds the data folder is full or has failed.",
    "Look at the server's log and readiness; free space, or mend the disk and restart the server.",
);

const TEMP_PASS_ELSEWHERE: ProbableCause = cause(
    "The TempPass belongs to another requestor or environment.",
    "Ask with the requestor_id and environment that it is configured for; names are case-sensitive.",
);
const TEMP_PASS_NOT_CONFIGURED: ProbableCause = cause(
    "The TempPass is not configured.",
    "Add it to environments.NAME.requestors.ID.temp_passes; without any configured requestor there are the samples \
     TempPass and TempPassREF.",
);
const NO_AUTHORIZATION: ProbableCause = cause(
    "The request has no Authorization header.",
    "Send the access token with every request, POST included.",
);
const TIME_IN_SECONDS: ProbableCause = cause(
    "The request time of a signed request is in seconds.",
    "Fill request_time with milliseconds since 1970-01-01T00:00:00Z.",
);
const CLOCK_OFF: ProbableCause =
    cause("The clock of the device that signed the request is wrong.", "Set the device's clock.");
const TOKEN_STALE: ProbableCause = cause(
    "The access token is stale: it has expired, or its client or statement was revoked.",
    "Ask for a new access token; register again only where that is refused with invalid_client.",
);
const WRONG_HOST: ProbableCause = cause(
    "The access token was issued by the host of another environment.",
    "Ask for the token at the host that is then called.",
);
const TOO_FAST: ProbableCause = cause(
    "The device, or all devices at its address together, called too fast.",
    "Wait at least a second before the next call.",
);

/// The probable causes of `error`, the likeliest first; none where the error itself says it all.
#[must_use]
pub fn probable_causes(error: &Error) -> Vec<ProbableCause> {
    match error {
        Error::CodeNotFound(clues) => code_not_found(clues),
        Error::LookupBudgetExhausted { viewer_named: true, .. } => vec![SEVERAL_WRONG],
        Error::LookupBudgetExhausted { viewer_named: false, .. } => vec![NOBODY_NAMED, SEVERAL_WRONG],
        Error::StoreUnavailable(_) => vec![DISK],
        Error::TempPassNotFound { .. } => vec![TEMP_PASS_ELSEWHERE, TEMP_PASS_NOT_CONFIGURED],
        Error::Throttled { .. } => vec![TOO_FAST],
        Error::NotAuthenticated(problem) => not_authenticated(*problem),
        Error::InvalidFields(_)
        | Error::MalformedMessage(_)
        | Error::MessageTooLarge(_)
        | Error::RequestIdReused
        | Error::TempPassNotPromotional
        | Error::LiveCodesExhausted { .. }
        | Error::WatchesExhausted { .. }
        | Error::ServiceUnknown(_)
        | Error::PermissionMissing { .. }
        | Error::Unsupported(_)
        | Error::ShuttingDown
        | Error::DeadlineExceeded
        | Error::Internal(_) => Vec::new(),
    }
}

fn not_authenticated(problem: AuthenticationProblem) -> Vec<ProbableCause> {
    match problem {
        AuthenticationProblem::Missing => vec![NO_AUTHORIZATION],
        AuthenticationProblem::Unreadable | AuthenticationProblem::SignatureInvalid => Vec::new(),
        AuthenticationProblem::TokenInvalid => vec![TOKEN_STALE, WRONG_HOST],
        AuthenticationProblem::TokenExpired | AuthenticationProblem::TokenRevoked => vec![TOKEN_STALE],
        AuthenticationProblem::TokenOfOtherEnvironment => vec![WRONG_HOST],
        AuthenticationProblem::RequestTimeNotInMilliseconds => vec![TIME_IN_SECONDS],
        AuthenticationProblem::RequestTimeOff => vec![CLOCK_OFF],
        AuthenticationProblem::NonceReused => Vec::new(),
    }
}

fn code_not_found(clues: &LookupClues) -> Vec<ProbableCause> {
    if clues.impossible {
        return vec![IMPOSSIBLE];
    }
    let found = clues.lives_in.iter().map(|environment| ProbableCause {
        cause: format!("The code lives in the environment {environment}.").into(),
        remedy: "Ask in that environment.",
    });
    found.chain([ENDED, ELSEWHERE, MISTYPED]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::EnvironmentName;

    #[test]
    fn what_the_request_shows_comes_first() {
        let impossible = LookupClues { impossible: true, ..LookupClues::default() };
        assert_eq!(probable_causes(&Error::CodeNotFound(impossible))[0], IMPOSSIBLE);

        let staging = EnvironmentName::parse("environment", "staging").expect("valid");
        let elsewhere = LookupClues { lives_in: vec![staging], ..LookupClues::default() };
        assert!(probable_causes(&Error::CodeNotFound(elsewhere))[0].cause.contains("staging"));

        let exhausted =
            |viewer_named| Error::LookupBudgetExhausted { retry_after: Default::default(), viewer_named };
        assert_eq!(probable_causes(&exhausted(false))[0], NOBODY_NAMED);
        assert_eq!(probable_causes(&exhausted(true)), [SEVERAL_WRONG]);
    }
}
