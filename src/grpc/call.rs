//! The common parts of all handlers: the caller of a request, and the status of an error. `layer` enforces
//! deadlines.

use std::future::{Future, ready};

use futures_util::FutureExt;
use tonic::{Request, Response, Status};

use super::status::status_of;
use crate::{
    domain::{
        authentication::AuthenticationProblem,
        caller::Caller,
        error::{Error, Result},
    },
    service::audit::AuditOrigin,
};

/// Runs a use case with a single response. Built from combinators, because an async block would store the
/// request and the work twice.
pub(super) fn unary<T, U, Work>(
    request: Request<T>,
    work: impl FnOnce(Caller, T) -> Work,
) -> impl Future<Output = std::result::Result<Response<U>, Status>>
where
    Work: Future<Output = Result<U>>,
{
    let outcome = match caller_of(&request) {
        Ok(caller) => work(caller, request.into_inner()).left_future(),
        Err(error) => ready(Err(error)).right_future(),
    };
    outcome.map(|outcome| outcome.map(Response::new).map_err(|error| status_of(&error)))
}

/// The origin of a call, for the audit log.
pub(super) fn origin_of<T>(request: &Request<T>) -> AuditOrigin {
    AuditOrigin::new("grpc", request.metadata().as_ref())
}

/// The caller that `layer` has authenticated.
pub(super) fn caller_of<T>(request: &Request<T>) -> Result<Caller> {
    let caller = request.extensions().get::<Caller>().cloned();
    caller.ok_or(Error::NotAuthenticated(AuthenticationProblem::Missing))
}
