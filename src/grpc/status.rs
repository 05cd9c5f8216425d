//! Errors on the wire: the gRPC code, `google.rpc.ErrorInfo`, and whatever else helps the caller.

use std::iter;

use http::HeaderMap;
use prost::Message;
use prost_types::Any;
use tonic::{Code, Status, metadata::MetadataMap};
use tonic_types::pb::{BadRequest, ErrorInfo, RetryInfo, Status as RpcStatus, bad_request::FieldViolation};

use crate::{
    domain::{
        error::{Error, UpstreamAnswer, Violation},
        limit::Countable,
        probable_cause::probable_causes,
    },
    proto::v1::{ErrorReason, ProbableCause, ProbableCauses},
    telemetry,
};

/// The domain of every [`ErrorInfo`].
pub(crate) const DOMAIN: &str = "passbridge";

/// How many bytes the violations of one error may take. Clients bound trailers at 8 KiB and the details are
/// base64 there, so that 4 KiB is what all details together may take.
const VIOLATIONS_MAX: usize = 2_600;

/// The longest text of one violation or message, in bytes.
const TEXT_MAX: usize = 400;

/// The reason and code of an error. Exhaustive, so that a new error cannot be forgotten here.
#[must_use]
pub(crate) fn classify(error: &Error) -> (ErrorReason, Code) {
    match error {
        Error::InvalidFields(_) => (ErrorReason::InvalidField, Code::InvalidArgument),
        Error::MalformedMessage(_) => (ErrorReason::MalformedMessage, Code::InvalidArgument),
        Error::MessageTooLarge(_) => (ErrorReason::MessageTooLarge, Code::ResourceExhausted),
        Error::RequestIdReused => (ErrorReason::RequestIdReused, Code::InvalidArgument),
        Error::CodeNotFound(_) => (ErrorReason::RegistrationCodeNotFound, Code::NotFound),
        Error::TempPassNotFound { .. } => (ErrorReason::TempPassNotFound, Code::NotFound),
        Error::TempPassNotPromotional => (ErrorReason::TempPassNotPromotional, Code::FailedPrecondition),
        Error::LiveCodesExhausted { .. } => (ErrorReason::LiveCodesExhausted, Code::ResourceExhausted),
        Error::LookupBudgetExhausted { .. } => (ErrorReason::LookupBudgetExhausted, Code::ResourceExhausted),
        Error::QuotaExhausted { of, .. } => (quota_reason(*of), Code::ResourceExhausted),
        Error::Throttled { .. } => (ErrorReason::Throttled, Code::ResourceExhausted),
        Error::ServiceUnknown(_) => (ErrorReason::ServiceUnknown, Code::NotFound),
        Error::NotAuthenticated(_) => (ErrorReason::CallerNotAuthenticated, Code::Unauthenticated),
        Error::IssuerUnavailable { .. } => (ErrorReason::IssuerUnavailable, Code::Unavailable),
        Error::PermissionMissing { .. } => (ErrorReason::PermissionMissing, Code::PermissionDenied),
        Error::MethodUnknown | Error::Unsupported(_) => {
            (ErrorReason::UnsupportedOperation, Code::Unimplemented)
        }
        Error::StoreUnavailable(_) => (ErrorReason::StoreUnavailable, Code::Unavailable),
        Error::UpstreamUnavailable { .. } => (ErrorReason::UpstreamUnavailable, Code::Unavailable),
        Error::UpstreamThrottled { .. } => (ErrorReason::UpstreamThrottled, Code::ResourceExhausted),
        Error::UpstreamRejected { .. } => (ErrorReason::UpstreamRejected, Code::InvalidArgument),
        Error::UpstreamForbidden { .. } => (ErrorReason::UpstreamForbidden, Code::PermissionDenied),
        Error::UpstreamCredentialsRefused { .. } => {
            (ErrorReason::UpstreamCredentialsRefused, Code::FailedPrecondition)
        }
        Error::AlreadyAuthenticated { .. } => (ErrorReason::AlreadyAuthenticated, Code::FailedPrecondition),
        Error::NotATempPass { .. } => (ErrorReason::NotATempPass, Code::FailedPrecondition),
        Error::ShuttingDown => (ErrorReason::ShuttingDown, Code::Unavailable),
        Error::DeadlineExceeded => (ErrorReason::DeadlineExceeded, Code::DeadlineExceeded),
        Error::Internal(_) => (ErrorReason::Internal, Code::Internal),
    }
}

fn quota_reason(of: Countable) -> ErrorReason {
    match of {
        Countable::Watches => ErrorReason::WatchesExhausted,
        Countable::Batches => ErrorReason::BatchesExhausted,
        Countable::Connections => ErrorReason::ConnectionsExhausted,
    }
}

/// Renders an error for the caller. What only the operator may know goes to the log.
#[must_use]
pub(crate) fn status_of(error: &Error) -> Status {
    let status = rpc_status(error);
    let (code, message) = (Code::from_i32(status.code), status.message.clone());
    Status::with_details_and_metadata(code, message, status.encode_to_vec().into(), MetadataMap::new())
}

/// An error as a message, for streams in which an item's failure ends nothing.
#[must_use]
pub(crate) fn rpc_status(error: &Error) -> RpcStatus {
    telemetry::report_error(error);
    let (reason, code) = classify(error);
    RpcStatus { code: code.into(), message: cut(&error.to_string()), details: details(error, reason) }
}

/// What to say in the place of an error that tonic gave itself, which has no details. `None` where `headers`, or
/// trailers, hold none of these.
pub(super) fn complete(headers: &HeaderMap) -> Option<Status> {
    let status = Status::from_header_map(headers)?;
    if status.code() == Code::Ok || !status.details().is_empty() {
        return None;
    }
    let mut completed = status_of(&known_error(&status)?);
    // What it says beside that, such as the compressions that are taken.
    *completed.metadata_mut() = status.metadata().clone();
    Some(completed)
}

/// An error that tonic gave in the middle of a stream of requests, in our terms.
pub(super) fn error_of(status: &Status) -> Error {
    known_error(status).unwrap_or_else(|| Error::MalformedMessage(status.message().to_owned()))
}

fn known_error(status: &Status) -> Option<Error> {
    let message = status.message().to_owned();
    Some(match status.code() {
        // tonic's words for a message over the limit (OUT_OF_RANGE) and for bytes that are no message (INTERNAL).
        Code::OutOfRange | Code::ResourceExhausted => Error::MessageTooLarge(message),
        Code::Internal | Code::InvalidArgument | Code::Unknown => Error::MalformedMessage(message),
        // The health service and reflection, asked for what there is not.
        Code::NotFound => Error::ServiceUnknown(message),
        Code::Unimplemented if message.is_empty() => Error::MethodUnknown,
        Code::Unimplemented => Error::Unsupported(message),
        _ => return None,
    })
}

fn details(error: &Error, reason: ErrorReason) -> Vec<Any> {
    let mut details = vec![any("google.rpc.ErrorInfo", &error_info(error, reason))];
    if let Error::InvalidFields(violations) = error {
        details.push(any("google.rpc.BadRequest", &bad_request(violations)));
    }
    if let Some(delay) = error.retry_after() {
        let delay = prost_types::Duration::try_from(delay).ok();
        details.push(any("google.rpc.RetryInfo", &RetryInfo { retry_delay: delay }));
    }
    let causes = probable_causes(error);
    if !causes.is_empty() {
        let causes = causes
            .into_iter()
            .map(|cause| ProbableCause { cause: cause.cause.into_owned(), remedy: cause.remedy.to_owned() })
            .collect();
        details.push(any("passbridge.v1.ProbableCauses", &ProbableCauses { causes }));
    }
    details
}

fn error_info(error: &Error, reason: ErrorReason) -> ErrorInfo {
    let metadata = match error {
        Error::LiveCodesExhausted { limit, .. } => vec![("max_live_codes", limit.to_string())],
        Error::QuotaExhausted { of, limit, share } => {
            let share = share.map(|share| ("caller_share", share.to_string()));
            iter::once((of.key(), limit.to_string())).chain(share).collect()
        }
        Error::Throttled { of, .. } => vec![("limit", of.name().to_owned())],
        Error::MethodUnknown => vec![("unknown", "method".to_owned())],
        Error::PermissionMissing { permission, .. } => vec![("permission", permission.to_string())],
        Error::AlreadyAuthenticated { mvpd } => vec![("mvpd_id", cut(mvpd))],
        Error::NotATempPass { source_name, .. } => vec![("upstream_source", cut(source_name))],
        _ => error.upstream_answer().map(upstream_metadata).unwrap_or_default(),
    };
    ErrorInfo {
        reason: reason.as_str_name().trim_start_matches("ERROR_REASON_").to_owned(),
        domain: DOMAIN.to_owned(),
        metadata: metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
    }
}

fn upstream_metadata(answer: &UpstreamAnswer) -> Vec<(&'static str, String)> {
    let UpstreamAnswer { status, code, trace } = answer;
    let said = [
        ("upstream_status", status.map(|status| status.to_string())),
        ("upstream_code", code.as_deref().map(cut)),
        ("upstream_trace", trace.as_deref().map(cut)),
    ];
    said.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

fn bad_request(violations: &[Violation]) -> BadRequest {
    let mut rest = VIOLATIONS_MAX;
    let mut field_violations = Vec::new();
    for (told, violation) in violations.iter().enumerate() {
        let one = FieldViolation {
            field: cut(&violation.field),
            description: cut(&violation.description),
            ..FieldViolation::default()
        };
        let size = one.encoded_len();
        if size > rest {
            let description = format!("{} more violations are not shown", violations.len() - told);
            field_violations.push(FieldViolation { description, ..FieldViolation::default() });
            break;
        }
        rest -= size;
        field_violations.push(one);
    }
    BadRequest { field_violations }
}

fn any(name: &str, message: &impl Message) -> Any {
    Any { type_url: format!("type.googleapis.com/{name}"), value: message.encode_to_vec() }
}

fn cut(text: &str) -> String {
    if text.len() <= TEXT_MAX {
        return text.to_owned();
    }
    format!("{}… (cut)", &text[..text.floor_char_boundary(TEXT_MAX)])
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

    use crate::domain::error::LookupClues;

    use super::*;

    #[test]
    fn every_error_carries_its_reason_and_domain() {
        let status = status_of(&Error::CodeNotFound(LookupClues::default()));
        let info = status.get_details_error_info().expect("carries ErrorInfo");
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("REGISTRATION_CODE_NOT_FOUND", DOMAIN));
    }

    #[test]
    fn many_violations_stay_under_4_kib_and_say_what_was_cut() {
        let violations: Vec<_> =
            (0..500).map(|n| Violation::new(format!("field{n}"), "ä".repeat(5_000))).collect();
        let status = status_of(&Error::InvalidFields(violations));
        assert!(status.details().len() < 4_096, "{}", status.details().len());
        let shown = status.get_details_bad_request().expect("carries BadRequest").field_violations;
        let last = shown.last().expect("not empty");
        assert!(last.description.contains("not shown"), "{last:?}");
        assert_eq!(last.description, format!("{} more violations are not shown", 500 - (shown.len() - 1)));
    }
}
