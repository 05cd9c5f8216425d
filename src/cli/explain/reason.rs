//! What passbridge knows of an error reason, collected from the code that responds with it.

use std::cmp::Reverse;

use http::StatusCode;
use tonic::Code;

use crate::{
    backend::upstream::{error_of_code, error_of_status},
    domain::{
        error::Error,
        probable_cause::{ProbableCause, probable_causes},
        symptom::{has_word, oauth_codes},
        upstream_code,
    },
    grpc::status::classify,
    proto::{error_reason_comment, v1::ErrorReason},
    rest, telemetry,
};

/// The prefix of the names in the proto.
const PREFIX: &str = "ERROR_REASON_";

/// The reasons that no call of the REST API leads to, or only calls below `/api/v1`, which have errors of their own.
const GRPC_ONLY: [ErrorReason; 11] = [
    ErrorReason::MalformedMessage,
    ErrorReason::RequestIdReused,
    ErrorReason::WatchesExhausted,
    ErrorReason::BatchesExhausted,
    ErrorReason::ConnectionsExhausted,
    ErrorReason::ServiceUnknown,
    ErrorReason::AlreadyAuthenticated,
    ErrorReason::NotATempPass,
    ErrorReason::IssuerUnavailable,
    ErrorReason::ProfileNotFound,
    ErrorReason::ProfileExpired,
];

/// The provider's statuses that the reference lists.
const UPSTREAM_STATUSES: [u16; 6] = [400, 401, 403, 429, 500, 503];

/// An error reason, and a sample of each error that has it.
pub(super) struct Reason {
    /// The name in `google.rpc.ErrorInfo.reason`.
    pub name: &'static str,
    /// One error of each kind, at least one.
    pub errors: Vec<Error>,
    reason: ErrorReason,
}

/// The comment of a reason in the proto.
pub(super) struct Comment {
    /// What the reason means, without the gRPC code.
    pub meaning: String,
    /// An `ErrorInfo` in JSON.
    pub example: String,
    /// A remark on the example; often empty.
    pub remark: String,
    /// What the caller or the operator does about it.
    pub remedy: String,
}

impl Reason {
    /// Returns every reason, in the order of the proto.
    pub(super) fn all() -> Vec<Self> {
        let samples = Error::samples();
        let reasons = (1..).map_while(|number| ErrorReason::try_from(number).ok());
        let reason = |reason: ErrorReason| {
            let errors = samples.iter().filter(|error| classify(error).0 == reason).cloned().collect();
            Self { name: name(reason), errors, reason }
        };
        reasons.map(reason).collect()
    }

    /// Returns the reason that a text names. The longest wins.
    pub(super) fn named_in(text: &str) -> Option<Self> {
        let text = text.replace(PREFIX, "");
        let mut reasons = Self::all();
        reasons.sort_by_key(|reason| Reverse(reason.name.len()));
        reasons.into_iter().find(|reason| has_word(&text, reason.name))
    }

    /// Returns the name of the gRPC code.
    pub(super) fn code_name(&self) -> &'static str {
        telemetry::code_name(self.errors.first().map_or(Code::Unknown, |error| classify(error).1))
    }

    /// Returns the statuses of the REST API.
    pub(super) fn rest_statuses(&self) -> Vec<StatusCode> {
        if GRPC_ONLY.contains(&self.reason) {
            return Vec::new();
        }
        distinct(self.errors.iter().map(rest::status_of))
    }

    /// Returns the messages, one of each kind of error.
    pub(super) fn messages(&self) -> Vec<String> {
        distinct(self.errors.iter().map(Error::to_string))
    }

    /// Returns how many of the errors say when to retry.
    pub(super) fn count_delays(&self) -> usize {
        self.errors.iter().filter(|error| error.retry_after().is_some()).count()
    }

    /// Returns the probable causes of all errors with this reason, the likeliest first.
    pub(super) fn causes(&self) -> Vec<ProbableCause> {
        distinct(self.errors.iter().flat_map(probable_causes))
    }

    /// Returns the provider's statuses that lead to this reason.
    pub(super) fn upstream_statuses(&self) -> Vec<u16> {
        let mut statuses = UPSTREAM_STATUSES.to_vec();
        statuses.retain(|status| classify(&error_of_status(*status)).0 == self.reason);
        statuses
    }

    /// Returns the provider's error codes that lead to this reason. A code that ends with `…` is the beginning of several.
    pub(super) fn upstream_codes(&self) -> Vec<String> {
        let whole = upstream_code::codes().chain(oauth_codes()).map(str::to_owned);
        let prefixes = upstream_code::prefixes().map(|(prefix, _)| format!("{prefix}…"));
        let mut codes: Vec<_> = whole.chain(prefixes).collect();
        codes.retain(|code| classify(&error_of_code(code)).0 == self.reason);
        codes.sort();
        codes
    }

    /// Returns the comment in the proto.
    pub(super) fn comment(&self) -> Comment {
        let comment = error_reason_comment(self.reason);
        let (text, rest) = comment.split_once("```json\n").unwrap_or((&comment, ""));
        let (example, rest) = rest.split_once("```").unwrap_or_default();
        let (remark, remedy) = rest.trim().rsplit_once("\n\n").unwrap_or(("", rest));
        // The first sentence is the gRPC code.
        let meaning = text.split_once(". ").map_or(text, |(_, meaning)| meaning);
        Comment {
            meaning: unwrapped(meaning),
            example: example.to_owned(),
            remark: unwrapped(remark),
            remedy: unwrapped(remedy),
        }
    }
}

fn name(reason: ErrorReason) -> &'static str {
    reason.as_str_name().trim_start_matches(PREFIX)
}

/// Puts a paragraph on one line.
fn unwrapped(text: &str) -> String {
    text.trim().replace('\n', " ")
}

fn distinct<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for value in values {
        if !distinct.contains(&value) {
            distinct.push(value);
        }
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_an_error_and_is_documented_in_the_proto() {
        for reason in Reason::all() {
            let name = reason.name;
            assert!(!reason.errors.is_empty(), "{name}: Error::samples has no error with it");
            let comment = error_reason_comment(reason.reason);
            assert!(comment.starts_with(reason.code_name()), "{name}: the comment begins with another code");
            let Comment { meaning, example, remedy, .. } = reason.comment();
            assert!(!meaning.is_empty() && !remedy.is_empty(), "{name}: {comment}");
            let example: serde_json::Value = serde_json::from_str(&example).expect("JSON");
            assert_eq!(example["reason"], name);
        }
    }

    #[test]
    fn the_longest_reason_in_a_text_wins() {
        let named = |text: &str| Reason::named_in(text).map(|reason| reason.name);
        assert_eq!(named("reason: \"UPSTREAM_THROTTLED\""), Some("UPSTREAM_THROTTLED"));
        assert_eq!(named("ERROR_REASON_INVALID_FIELD"), Some("INVALID_FIELD"));
        assert_eq!(named("INTERNALS"), None);
    }
}
