//! The record of one REST call, from its headers to its status.

use std::sync::Arc;

use http::{Method, StatusCode};
use tracing::Span;

use super::metrics::Metrics;
use crate::domain::clock::Stopwatch;

/// The methods that are distinguished; all others are counted as one (OpenTelemetry conventions for HTTP).
const METHODS: [&str; 7] = ["GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH"];
const OTHER: &str = "_OTHER";

/// A call in progress. If it is dropped unfinished, it has no status, because the client has disconnected.
#[derive(Debug)]
pub(crate) struct RequestRecord {
    metrics: Arc<Metrics>,
    method: &'static str,
    route: &'static str,
    started: Stopwatch,
    span: Option<Span>,
    finished: bool,
}

impl RequestRecord {
    pub(super) fn begin(
        metrics: Arc<Metrics>,
        method: &'static str,
        route: &'static str,
        span: Option<Span>,
    ) -> Self {
        Self { metrics, method, route, started: Stopwatch::start(), span, finished: false }
    }

    /// The span of the call, if it is sampled.
    #[must_use]
    pub(crate) fn span(&self) -> Option<Span> {
        self.span.clone()
    }

    /// Records how the call ended. Only the first call counts.
    pub(crate) fn finish(&mut self, status: StatusCode) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        let status_code = Some(status.as_u16());
        self.metrics.observe_request(self.method, self.route, status_code, self.started.elapsed());
        if let Some(span) = self.span.take() {
            span.record("http.response.status_code", status.as_u16());
            if status.is_server_error() {
                span.record("otel.status_code", "ERROR");
                span.record("error.type", status.as_str());
            }
        }
    }
}

impl Drop for RequestRecord {
    fn drop(&mut self) {
        if !self.finished {
            self.metrics.observe_request(self.method, self.route, None, self.started.elapsed());
        }
    }
}

/// The name under which a method is recorded.
pub(super) fn method_name(method: &Method) -> &'static str {
    METHODS.into_iter().find(|name| *name == method.as_str()).unwrap_or(OTHER)
}
