//! What every handler has in common: the caller in, a status out. Deadlines are the face's layer's.

use std::future::{Future, ready};

use futures_core::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{body::End, status::status_of};
use crate::{
    domain::{
        authentication::AuthenticationProblem,
        call::CallContext,
        caller::Caller,
        error::{Error, Result},
    },
    service::audit::Origin,
};

/// How many answers a stream holds for a client that is slow to take them; then its use case waits.
const ANSWERS_HELD: usize = 4;

/// A stream of answers as tonic takes it.
pub(super) type AnswerStream<T> = BoxStream<'static, std::result::Result<T, Status>>;

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

/// Runs a use case that answers with a stream.
///
/// A task of its own takes the answers from the use case, because a body is not even asked for its next frame while
/// its client gives it no room to send: the stream must end at its deadline, and let go of what it holds, whatever
/// the client does.
pub(super) async fn streaming<T, U, V, Work>(
    mut request: Request<T>,
    work: impl FnOnce(Caller, T) -> Work,
    render: impl Fn(U) -> V + Send + Sync + 'static,
) -> std::result::Result<Response<AnswerStream<V>>, Status>
where
    Work: Future<Output = Result<BoxStream<'static, Result<U>>>>,
    U: Send + 'static,
    V: Send + 'static,
{
    let end = request.extensions().get::<End>().cloned();
    // The server's own limit is for the beginning of the answer: a stream goes on for as long as its caller wants.
    if let Ok(caller) = caller_of(&request) {
        let deadline = end.as_ref().and_then(|end| end.deadline);
        let context = CallContext { deadline, ..caller.context().clone() };
        request.extensions_mut().insert(caller.in_call(context));
    }
    let mut answers = unary(request, work).await?.into_inner();
    let (sender, receiver) = mpsc::channel(ANSWERS_HELD + 1);
    // The room for how a stream ends early is kept from the beginning: a full channel must not lose it.
    let last = sender.clone().try_reserve_owned();
    tokio::spawn(async move {
        let pass_on = async {
            while let Some(answer) = answers.next().await {
                let answer = answer.map(&render).map_err(|error| status_of(&error));
                if sender.send(answer).await.is_err() {
                    return;
                }
            }
        };
        let early = async {
            match end {
                Some(end) => end.come().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = pass_on => {}
            error = early => {
                if let Ok(last) = last {
                    last.send(Err(status_of(&error)));
                }
            }
            () = sender.closed() => {}
        }
    });
    Ok(Response::new(ReceiverStream::new(receiver).boxed()))
}

/// From where a call came, for the audit log.
pub(super) fn origin_of<T>(request: &Request<T>) -> Origin {
    Origin::new("grpc", request.metadata().as_ref())
}

/// The caller that the face's layer found.
fn caller_of<T>(request: &Request<T>) -> Result<Caller> {
    let caller = request.extensions().get::<Caller>().cloned();
    caller.ok_or(Error::NotAuthenticated(AuthenticationProblem::Missing))
}
