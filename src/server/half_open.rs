//! Limits the TLS handshakes that a listener has in progress.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

/// The handshakes in progress. Above the limit, a new one displaces the oldest. Honest clients need only a
/// few round trips; if new handshakes were refused instead, clients that never finish theirs could lock
/// everyone else out.
#[derive(Debug)]
pub(super) struct HalfOpen {
    limit: usize,
    in_progress: Mutex<PendingHandshakes>,
}

#[derive(Debug, Default)]
struct PendingHandshakes {
    next: u64,
    /// In the order in which they began.
    slots: BTreeMap<u64, CancellationToken>,
}

/// The slot of a handshake. It is released when dropped.
#[derive(Debug)]
pub(super) struct HandshakeSlot<'a> {
    half_open: &'a HalfOpen,
    number: u64,
    displaced: CancellationToken,
}

impl HalfOpen {
    /// At most `limit` at a time.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, in_progress: Mutex::default() }
    }

    /// Takes a slot.
    pub(super) fn begin(&self) -> HandshakeSlot<'_> {
        let displaced = CancellationToken::new();
        let mut in_progress = self.lock();
        let number = in_progress.next;
        in_progress.next += 1;
        in_progress.slots.insert(number, displaced.clone());
        let oldest = if in_progress.slots.len() > self.limit { in_progress.slots.pop_first() } else { None };
        drop(in_progress);
        if let Some((_, oldest)) = oldest {
            oldest.cancel();
        }
        HandshakeSlot { half_open: self, number, displaced }
    }

    fn lock(&self) -> MutexGuard<'_, PendingHandshakes> {
        self.in_progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HandshakeSlot<'_> {
    /// Runs the handshake; `None` if it is displaced first.
    pub(super) async fn run_until_displaced<F: Future>(&self, handshake: F) -> Option<F::Output> {
        self.displaced.run_until_cancelled(handshake).await
    }
}

impl Drop for HandshakeSlot<'_> {
    fn drop(&mut self) {
        self.half_open.lock().slots.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn one_handshake_too_many_displaces_only_the_oldest() {
        let half_open = HalfOpen::new(2);
        let (oldest, second, third) = (half_open.begin(), half_open.begin(), half_open.begin());
        assert_eq!(oldest.run_until_displaced(pending::<()>()).now_or_never(), Some(None));
        assert_eq!(second.run_until_displaced(pending::<()>()).now_or_never(), None);
        assert_eq!(third.run_until_displaced(ready(1)).now_or_never(), Some(Some(1)));
    }

    #[test]
    fn a_finished_handshake_releases_its_slot() {
        let half_open = HalfOpen::new(2);
        let first = half_open.begin();
        drop(half_open.begin());
        let _third = half_open.begin();
        assert_eq!(first.run_until_displaced(pending::<()>()).now_or_never(), None);
    }
}
