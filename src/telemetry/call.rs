//! The record of one gRPC call, from its headers to its status.

use std::sync::Arc;

use tonic::Code;
use tracing::Span;

use super::metrics::Metrics;
use crate::domain::clock::Stopwatch;

/// A call in progress. If it is dropped unfinished, it counts as cancelled, because the client has
/// disconnected.
#[derive(Debug)]
pub(crate) struct CallRecord {
    metrics: Arc<Metrics>,
    method: &'static str,
    started: Stopwatch,
    span: Option<Span>,
    finished: bool,
}

impl CallRecord {
    pub(super) fn begin(metrics: Arc<Metrics>, method: &'static str, span: Option<Span>) -> Self {
        Self { metrics, method, started: Stopwatch::start(), span, finished: false }
    }

    /// The span of the call, if it is sampled.
    #[must_use]
    pub(crate) fn span(&self) -> Option<Span> {
        self.span.clone()
    }

    /// Records how the call ended. Only the first call counts.
    pub(crate) fn finish(&mut self, code: Code) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        let code_name = code_name(code);
        self.metrics.observe_call(self.method, code_name, self.started.elapsed());
        if let Some(span) = self.span.take() {
            span.record("rpc.response.status_code", code_name);
            if is_server_error(code) {
                span.record("otel.status_code", "ERROR");
                span.record("error.type", code_name);
            }
        }
    }
}

impl Drop for CallRecord {
    fn drop(&mut self) {
        self.finish(Code::Cancelled);
    }
}

/// The codes that mark a server span as failed (OpenTelemetry conventions for gRPC).
fn is_server_error(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

/// Returns the name of a code in the gRPC specification.
pub(crate) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
