//! Errors on the wire: the gRPC code, `google.rpc.ErrorInfo`, and further details for the caller.

use std::{borrow::Cow, iter};

use http::HeaderMap;
use prost::Message;
use prost_types::Any;
use tonic::{Code, Status, metadata::MetadataMap};
use tonic_types::pb::{BadRequest, ErrorInfo, RetryInfo, Status as RpcStatus, bad_request::FieldViolation};

use crate::{
    domain::{
        error::{Error, UpstreamAnswer, Violation},
        limit::LimitedResource,
        probable_cause::probable_causes,
    },
    proto::v1::{ErrorReason, ProbableCause, ProbableCauses},
    telemetry,
};

/// The domain of every [`ErrorInfo`].
pub(crate) const DOMAIN: &str = "passbridge";

/// The maximum encoded size of the violations of one error, in bytes. Clients limit trailers to 8 KiB, and
/// details are base64-encoded there, so all details together are kept below 4 KiB.
const VIOLATIONS_MAX: usize = 2_600;

/// The maximum length of the text of a violation or message, in bytes.
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
        Error::ProfileNotFound => (ErrorReason::ProfileNotFound, Code::NotFound),
        Error::ProfileExpired => (ErrorReason::ProfileExpired, Code::NotFound),
        Error::ShuttingDown => (ErrorReason::ShuttingDown, Code::Unavailable),
        Error::DeadlineExceeded => (ErrorReason::DeadlineExceeded, Code::DeadlineExceeded),
        Error::Internal(_) => (ErrorReason::Internal, Code::Internal),
    }
}

fn quota_reason(of: LimitedResource) -> ErrorReason {
    match of {
        LimitedResource::Watches => ErrorReason::WatchesExhausted,
        LimitedResource::Batches => ErrorReason::BatchesExhausted,
        LimitedResource::Connections => ErrorReason::ConnectionsExhausted,
    }
}

/// Renders an error for the caller. Details that are only for the operator go to the log.
#[must_use]
pub(crate) fn status_of(error: &Error) -> Status {
    let status = rpc_status(error);
    let (code, message) = (Code::from_i32(status.code), status.message.clone());
    Status::with_details_and_metadata(code, message, status.encode_to_vec().into(), MetadataMap::new())
}

/// Renders an error as a message, for streams in which a failed item does not end the stream.
#[must_use]
pub(crate) fn rpc_status(error: &Error) -> RpcStatus {
    telemetry::report_error(error);
    let (reason, code) = classify(error);
    let message = error.to_string();
    RpcStatus {
        code: code.into(),
        message: cut(&message).into_owned(),
        details: details(error, reason, is_long(&message)),
    }
}

/// The status to send instead of one that tonic created, which has no details. `None` if `headers`, or
/// trailers, contain no such status.
pub(super) fn complete(headers: &HeaderMap) -> Option<Status> {
    let status = Status::from_header_map(headers)?;
    if status.code() == Code::Ok || !status.details().is_empty() {
        return None;
    }
    let mut completed = status_of(&known_error(&status)?);
    // Metadata such as the accepted compressions stays.
    *completed.metadata_mut() = status.metadata().clone();
    Some(completed)
}

/// The domain error for an error of tonic in the middle of a request stream.
pub(super) fn error_of(status: &Status) -> Error {
    known_error(status).unwrap_or_else(|| Error::MalformedMessage(status.message().to_owned()))
}

fn known_error(status: &Status) -> Option<Error> {
    let message = status.message().to_owned();
    Some(match status.code() {
        // tonic's codes for a message over the limit (OUT_OF_RANGE) and for an undecodable message
        // (INTERNAL).
        Code::OutOfRange | Code::ResourceExhausted => Error::MessageTooLarge(message),
        Code::Internal | Code::InvalidArgument | Code::Unknown => Error::MalformedMessage(message),
        // Health and reflection return this for unknown names.
        Code::NotFound => Error::ServiceUnknown(message),
        Code::Unimplemented if message.is_empty() => Error::MethodUnknown,
        Code::Unimplemented => Error::Unsupported(message),
        _ => return None,
    })
}

fn details(error: &Error, reason: ErrorReason, is_message_cut: bool) -> Vec<Any> {
    let mut info = error_info(error, reason);
    let mut details = Vec::new();
    let mut is_cut = is_message_cut || info.metadata.values().any(|text| is_long(text));
    if let Error::InvalidFields(violations) = error {
        let shown = bad_request(violations);
        let omitted = violations.len() - shown.field_violations.len();
        if omitted > 0 {
            info.metadata.insert("violations_omitted".to_owned(), omitted.to_string());
        }
        let is_any_long = |one: &Violation| is_long(&one.field) || is_long(&one.description);
        is_cut |= omitted > 0 || violations.iter().any(is_any_long);
        details.push(any("google.rpc.BadRequest", &shown));
    }
    if is_cut {
        info.metadata.insert("details_cut".to_owned(), "true".to_owned());
        info.metadata.values_mut().for_each(|text| *text = cut(text).into_owned());
    }
    details.insert(0, any("google.rpc.ErrorInfo", &info));
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
        Error::AlreadyAuthenticated { mvpd } => vec![("mvpd_id", mvpd.clone())],
        Error::NotATempPass { source_name, .. } => vec![("upstream_source", source_name.clone())],
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
    let known = [
        ("upstream_status", status.map(|status| status.to_string())),
        ("upstream_code", code.clone()),
        ("upstream_trace", trace.clone()),
    ];
    known.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// The violations, as many as fit.
fn bad_request(violations: &[Violation]) -> BadRequest {
    let mut rest = VIOLATIONS_MAX;
    let rendered = violations.iter().map(|violation| FieldViolation {
        field: cut(&violation.field).into_owned(),
        description: cut(&violation.description).into_owned(),
        ..FieldViolation::default()
    });
    let fits = |one: &FieldViolation| {
        let left = rest.checked_sub(one.encoded_len());
        rest = left.unwrap_or(0);
        left.is_some()
    };
    BadRequest { field_violations: rendered.take_while(fits).collect() }
}

fn any(name: &str, message: &impl Message) -> Any {
    Any { type_url: format!("type.googleapis.com/{name}"), value: message.encode_to_vec() }
}

fn is_long(text: &str) -> bool {
    text.len() > TEXT_MAX
}

fn cut(text: &str) -> Cow<'_, str> {
    if is_long(text) {
        format!("{}…", &text[..text.floor_char_boundary(TEXT_MAX)]).into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

    use crate::domain::error::LookupClues;

    use super::*;

    #[test]
    fn every_error_has_its_reason_and_domain() {
        let status = status_of(&Error::CodeNotFound(LookupClues::default()));
        let info = status.get_details_error_info().expect("has ErrorInfo");
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("REGISTRATION_CODE_NOT_FOUND", DOMAIN));
    }

    #[test]
    fn many_violations_stay_under_4_kib_and_say_what_was_cut() {
        let violations: Vec<_> =
            (0..500).map(|n| Violation::new(format!("field{n}"), "ä".repeat(5_000))).collect();
        let status = status_of(&Error::InvalidFields(violations));
        assert!(status.details().len() < 4_096, "{}", status.details().len());
        let shown = status.get_details_bad_request().expect("has BadRequest").field_violations;
        let metadata = status.get_details_error_info().expect("has ErrorInfo").metadata;
        assert_eq!(metadata["violations_omitted"], (500 - shown.len()).to_string());
        assert_eq!(metadata["details_cut"], "true");
    }

    #[test]
    fn only_shortened_texts_are_marked_as_cut() {
        let mark = |text: String| {
            let status = status_of(&Error::InvalidFields(vec![Violation::new("ttl", text)]));
            let metadata = status.get_details_error_info().expect("has ErrorInfo").metadata;
            metadata.get("details_cut").cloned()
        };
        assert_eq!(mark("ä".repeat(TEXT_MAX)).as_deref(), Some("true"));
        assert_eq!(mark("must be shorter".to_owned()), None);
        let source_name = "x".repeat(TEXT_MAX + 1);
        let details = details(
            &Error::AlreadyAuthenticated { mvpd: source_name },
            ErrorReason::AlreadyAuthenticated,
            false,
        );
        let info = ErrorInfo::decode(&*details[0].value).expect("is ErrorInfo");
        assert_eq!(
            (info.metadata["details_cut"].as_str(), info.metadata["mvpd_id"].len()),
            ("true", TEXT_MAX + "…".len())
        );
    }
}
