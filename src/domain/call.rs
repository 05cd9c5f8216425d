//! What goes along with a call on its way to a backend: until when it must be answered, and on whose behalf it is made.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::{Instant, Timeout, sleep_until, timeout_at};

use super::address::Address;

/// Until when a call must be answered, which trace it belongs to, and the credentials that it brought for the upstream.
/// Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct CallContext {
    /// The moment after which nobody waits for the answer any more; absent where nobody said.
    pub deadline: Option<Deadline>,
    /// From where the call came, in the form that cannot be forged; absent where nobody called.
    pub client: Option<Address>,
    /// The caller's own trace, where it named one (W3C Trace Context).
    pub trace: Option<Arc<TraceContext>>,
    /// The upstream's own access token, where the caller brought one that shall be used there.
    pub relayed_token: Option<RelayedToken>,
}

impl CallContext {
    /// How much time is left until the deadline; `None` where there is none.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline.map(Deadline::time_left)
    }

    /// Whether the caller still waits after `pause`.
    #[must_use]
    pub fn outlasts(&self, pause: Duration) -> bool {
        self.time_left().is_none_or(|left| left > pause)
    }
}

/// Until when somebody waits, by the runtime's timers: those count as the caller does, who waits in real time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

/// A time beyond all that anybody waits for, which every platform's instants can hold.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3_600);

impl Deadline {
    /// So long from now; 30 years at most.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the runtime's timers, which it is handed to, go by this clock"
    )]
    pub(crate) fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration.min(FAR))
    }

    /// How much time is left.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the clock that the deadline goes by")]
    pub(crate) fn time_left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Completes when it has come.
    pub(crate) async fn come(self) {
        sleep_until(self.0).await;
    }

    /// What `work` comes to in time, or that the deadline came first.
    pub(crate) fn limit<F: Future>(self, work: F) -> Timeout<F> {
        timeout_at(self.0, work)
    }
}

/// The headers of W3C Trace Context, as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// `traceparent`.
    pub parent: http::HeaderValue,
    /// `tracestate`.
    pub state: Option<http::HeaderValue>,
}

impl TraceContext {
    /// What these headers say.
    #[must_use]
    pub fn of(headers: &http::HeaderMap) -> Option<Arc<Self>> {
        let parent = headers.get("traceparent")?.clone();
        Some(Arc::new(Self { parent, state: headers.get("tracestate").cloned() }))
    }
}

/// An access token of the upstream that its own client brought. Shows itself to no log.
#[derive(Clone, PartialEq, Eq)]
pub struct RelayedToken {
    text: Arc<str>,
    is_known: bool,
}

impl RelayedToken {
    /// The token with this text; and whether it is known to be good, because it was issued through here.
    #[must_use]
    pub fn new(text: Arc<str>, is_known: bool) -> Self {
        Self { text, is_known }
    }

    /// The token's text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// Whether it was issued through here. Of any other only the upstream can say whether it is good.
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
    fn whoever_waits_for_ever_has_a_deadline_that_is_far_away() {
        let context =
            CallContext { deadline: Some(Deadline::after(Duration::MAX)), ..CallContext::default() };
        assert!(context.outlasts(FAR / 2));
    }
}
