//! What every call has in common: the caller, the deadline, the server's end.

use std::{future::Future, time::Duration};

use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, metadata::MetadataMap};

use super::status::status_of;
use crate::domain::{
    caller::Caller,
    error::{Error, Result},
};

/// What every call needs to know of the server.
#[derive(Debug, Clone, Default)]
pub struct CallContext {
    /// Cancelled when the server begins to drain: streams end then.
    pub draining: CancellationToken,
}

/// A stream of answers as tonic takes it.
pub type AnswerStream<T> = BoxStream<'static, std::result::Result<T, Status>>;

impl CallContext {
    /// Runs a unary use case under the caller's deadline.
    pub async fn unary<T, U, Work>(
        &self,
        request: Request<T>,
        work: impl FnOnce(Caller, T) -> Work,
    ) -> std::result::Result<Response<U>, Status>
    where
        Work: Future<Output = Result<U>>,
    {
        let deadline = deadline_of(request.metadata());
        let caller = caller_of(&request);
        let outcome = match caller {
            Ok(caller) => within(deadline, work(caller, request.into_inner())).await,
            Err(error) => Err(error),
        };
        outcome.map(Response::new).map_err(|error| status_of(&error))
    }

    /// Runs a use case that answers with a stream. The caller's deadline holds for the whole stream, and the
    /// stream ends when the server drains.
    pub async fn streaming<T, U, V, Work>(
        &self,
        request: Request<T>,
        work: impl FnOnce(Caller, T) -> Work,
        render: impl Fn(U) -> V + Send + 'static,
    ) -> std::result::Result<Response<AnswerStream<V>>, Status>
    where
        Work: Future<Output = Result<BoxStream<'static, Result<U>>>>,
        U: Send + 'static,
        V: Send + 'static,
    {
        let deadline = deadline_of(request.metadata());
        let caller = caller_of(&request);
        let draining = self.draining.clone();
        let begin = async {
            if draining.is_cancelled() {
                return Err(Error::ShuttingDown);
            }
            work(caller?, request.into_inner()).await
        };
        let answers = within(deadline, begin).await.map_err(|error| status_of(&error))?;
        let bounded = Bounded { answers: Some(answers), deadline, draining };
        let answers = stream::unfold(bounded, Bounded::next)
            .map(move |answer| answer.map(&render).map_err(|error| status_of(&error)));
        Ok(Response::new(answers.boxed()))
    }
}

/// Answers that end with an error when the deadline passes or the server drains.
struct Bounded<U> {
    answers: Option<BoxStream<'static, Result<U>>>,
    deadline: Option<Instant>,
    draining: CancellationToken,
}

impl<U> Bounded<U> {
    async fn next(mut self) -> Option<(Result<U>, Self)> {
        let answers = self.answers.as_mut()?;
        let answer = tokio::select! {
            // What is there already is told before the end.
            biased;
            answer = answers.next() => answer?,
            error = early_end(self.deadline, &self.draining) => Err(error),
        };
        if answer.is_err() {
            self.answers = None;
        }
        Some((answer, self))
    }
}

/// Completes when the deadline passes or the server drains, with the error that says so.
async fn early_end(deadline: Option<Instant>, draining: &CancellationToken) -> Error {
    let deadline_passed = async {
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = deadline_passed => Error::DeadlineExceeded,
        () = draining.cancelled() => Error::ShuttingDown,
    }
}

async fn within<T>(deadline: Option<Instant>, work: impl Future<Output = Result<T>>) -> Result<T> {
    match deadline {
        Some(deadline) => {
            tokio::time::timeout_at(deadline, work).await.unwrap_or(Err(Error::DeadlineExceeded))
        }
        None => work.await,
    }
}

/// The caller that the face's layer found.
fn caller_of<T>(request: &Request<T>) -> Result<Caller> {
    request.extensions().get::<Caller>().cloned().ok_or(Error::NotAuthenticated)
}

/// The deadline from `grpc-timeout`: at most 8 digits and a unit, as the gRPC protocol over HTTP/2 has it. One
/// that cannot be read is none.
fn deadline_of(metadata: &MetadataMap) -> Option<Instant> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    parse_timeout(text).and_then(|timeout| Instant::now().checked_add(timeout))
}

fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value = digits.parse::<u64>().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_up_to_eight_digits_and_a_unit() {
        assert_eq!(parse_timeout("100m"), Some(Duration::from_millis(100)));
        assert_eq!(parse_timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for text in ["", "m", "1", "1x", "-1S", "123456789S", "1 S", "١S", "é"] {
            assert_eq!(parse_timeout(text), None, "{text:?}");
        }
    }
}
