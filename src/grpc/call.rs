//! What every handler has in common: the caller in, a status out. Deadlines are the face's layer's.

use std::future::Future;

use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use tonic::{Request, Response, Status};

use super::status::status_of;
use crate::domain::{
    caller::Caller,
    error::{Error, Result},
};

/// A stream of answers as tonic takes it.
pub(super) type AnswerStream<T> = BoxStream<'static, std::result::Result<T, Status>>;

/// Runs a use case that answers once.
pub(super) async fn unary<T, U, Work>(
    request: Request<T>,
    work: impl FnOnce(Caller, T) -> Work,
) -> std::result::Result<Response<U>, Status>
where
    Work: Future<Output = Result<U>>,
{
    let outcome = match caller_of(&request) {
        Ok(caller) => work(caller, request.into_inner()).await,
        Err(error) => Err(error),
    };
    outcome.map(Response::new).map_err(|error| status_of(&error))
}

/// Runs a use case that answers with a stream.
pub(super) async fn streaming<T, U, V, Work>(
    request: Request<T>,
    work: impl FnOnce(Caller, T) -> Work,
    render: impl Fn(U) -> V + Send + 'static,
) -> std::result::Result<Response<AnswerStream<V>>, Status>
where
    Work: Future<Output = Result<BoxStream<'static, Result<U>>>>,
    U: 'static,
    V: 'static,
{
    let answers = unary(request, work).await?.into_inner();
    let answers = answers.map(move |answer| answer.map(&render).map_err(|error| status_of(&error)));
    Ok(Response::new(answers.boxed()))
}

/// The caller that the face's layer found.
fn caller_of<T>(request: &Request<T>) -> Result<Caller> {
    request.extensions().get::<Caller>().cloned().ok_or(Error::NotAuthenticated)
}
