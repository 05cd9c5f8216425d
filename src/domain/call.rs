//! The context that travels with a call to a backend: its deadline, its client and its credentials for the upstream.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::{Instant, Timeout, sleep_until, timeout_at};

use super::address::Address;

/// A call's deadline, client address, trace and credentials for the upstream. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct CallContext {
    /// The caller's deadline; absent if the caller has set none.
    pub deadline: Option<Deadline>,
    /// The client's address in the form that it cannot forge; absent if the call comes from passbridge itself.
    pub client: Option<Address>,
    /// The caller's trace (W3C Trace Context), if it sent one.
    pub trace: Option<Arc<TraceContext>>,
    /// The upstream's access token that the caller sent, to be used for the upstream call.
    pub relayed_token: Option<RelayedToken>,
}

impl CallContext {
    /// Returns the time left until the deadline; `None` without a deadline.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline.map(Deadline::time_left)
    }

    /// Whether the deadline is later than `pause` from now.
    #[must_use]
    pub fn outlasts(&self, pause: Duration) -> bool {
        self.time_left().is_none_or(|left| left > pause)
    }
}

/// A caller's deadline. It uses the runtime's timers, not the injected clock, because callers wait in real time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

/// Longer than any caller waits, and short enough for the `Instant` of every platform.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3_600);

impl Deadline {
    /// Returns the deadline `duration` from now; at most 30 years.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the runtime's timers use this clock")]
    pub(crate) fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration.min(FAR))
    }

    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the clock of the deadline")]
    pub(crate) fn time_left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Completes when the deadline passes.
    pub(crate) async fn come(self) {
        sleep_until(self.0).await;
    }

    /// Runs `work` until the deadline. Fails if the deadline passes first.
    pub(crate) fn limit<F: Future>(self, work: F) -> Timeout<F> {
        timeout_at(self.0, work)
    }
}

/// The W3C Trace Context headers, unmodified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// `traceparent`.
    pub parent: http::HeaderValue,
    /// `tracestate`.
    pub state: Option<http::HeaderValue>,
}

impl TraceContext {
    /// Reads the trace context from `headers`. `None` without `traceparent`.
    #[must_use]
    pub fn of(headers: &http::HeaderMap) -> Option<Arc<Self>> {
        let parent = headers.get("traceparent")?.clone();
        Some(Arc::new(Self { parent, state: headers.get("tracestate").cloned() }))
    }
}

/// An access token of the upstream that a client sent. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct RelayedToken {
    text: Arc<str>,
    is_known: bool,
}

impl RelayedToken {
    /// Creates a token. `is_known` says that it was issued through this server and is therefore valid.
    #[must_use]
    pub fn new(text: Arc<str>, is_known: bool) -> Self {
        Self { text, is_known }
    }

    /// Returns the token's text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// Whether the token was issued through this server. Only the upstream can verify any other token.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.is_known
    }
}

impl fmt::Debug for RelayedToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RelayedToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_infinite_wait_has_a_distant_deadline() {
        let context =
            CallContext { deadline: Some(Deadline::after(Duration::MAX)), ..CallContext::default() };
        assert!(context.outlasts(FAR / 2));
    }
}
