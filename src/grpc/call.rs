//! What every handler has in common: the caller in, a status out. Deadlines are the face's layer's.

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

/// Runs a use case that answers once. Of combinators, which unlike an async block move no request and no work into a
/// second place of theirs.
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

/// From where a call came, for the audit log.
pub(super) fn origin_of<T>(request: &Request<T>) -> AuditOrigin {
    AuditOrigin::new("grpc", request.metadata().as_ref())
}

/// The caller that the face's layer found.
pub(super) fn caller_of<T>(request: &Request<T>) -> Result<Caller> {
    let caller = request.extensions().get::<Caller>().cloned();
    caller.ok_or(Error::NotAuthenticated(AuthenticationProblem::Missing))
}
