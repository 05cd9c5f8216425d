//! Accessors for the details of an error.

use std::fmt::Debug;

use passbridge::proto::v1::ProbableCauses;
use prost::Message;
use tonic::{Code, Status};
use tonic_types::{StatusExt, pb};

/// Returns the error of a call that must fail with this code, and checks what every error has: exactly one `ErrorInfo` of our
/// domain, and details under 4 KiB.
#[track_caller]
pub fn refused<T: Debug>(answer: Result<T, Status>, code: Code, reason: &str) -> Status {
    let status = answer.expect_err("the call is refused");
    assert_eq!(status.code(), code, "{status:?}");
    let info = status.get_details_error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!((info.domain.as_str(), info.reason.as_str()), ("passbridge", reason), "{status:?}");
    assert!(status.details().len() < 4096, "{} bytes of details", status.details().len());
    let infos = details(&status).into_iter().filter(|any| any.type_url.ends_with("google.rpc.ErrorInfo"));
    assert_eq!(infos.count(), 1, "{status:?}");
    status
}

/// Returns the sorted names of the invalid fields.
#[track_caller]
pub fn violated<T: Debug>(answer: Result<T, Status>) -> Vec<String> {
    let status = refused(answer, Code::InvalidArgument, "INVALID_FIELD");
    let violations = status.get_details_bad_request().expect("carries BadRequest").field_violations;
    assert!(violations.iter().all(|violation| !violation.description.is_empty()), "{violations:?}");
    let mut fields: Vec<String> = violations.into_iter().map(|violation| violation.field).collect();
    fields.sort();
    fields
}

/// Returns the most probable cause of the error.
pub fn probable_causes(status: &Status) -> Option<ProbableCauses> {
    let any =
        details(status).into_iter().find(|any| any.type_url.ends_with("/passbridge.v1.ProbableCauses"))?;
    Some(ProbableCauses::decode(any.value.as_slice()).expect("decodes"))
}

fn details(status: &Status) -> Vec<prost_types::Any> {
    pb::Status::decode(status.details()).expect("details are a google.rpc.Status").details
}
