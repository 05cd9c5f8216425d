//! The handshakes that a listener has under way: so many and no more.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

/// Handshakes under way. One too many displaces the oldest, as honest clients need no longer than a few round trips: turning
/// the newest away would let whoever never finishes shut everybody else out.
#[derive(Debug)]
pub(super) struct HalfOpen {
    limit: usize,
    under_way: Mutex<PendingHandshakes>,
}

#[derive(Debug, Default)]
struct PendingHandshakes {
    next: u64,
    /// In the order in which they began.
    places: BTreeMap<u64, CancellationToken>,
}

/// The place of a handshake, which it gives back when it ends.
#[derive(Debug)]
pub(super) struct HandshakeSlot<'a> {
    half_open: &'a HalfOpen,
    number: u64,
    displaced: CancellationToken,
}

impl HalfOpen {
    /// At most `limit` at once.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, under_way: Mutex::default() }
    }

    /// A place for one more.
    pub(super) fn begin(&self) -> HandshakeSlot<'_> {
        let displaced = CancellationToken::new();
        let mut under_way = self.lock();
        let number = under_way.next;
        under_way.next += 1;
        under_way.places.insert(number, displaced.clone());
        let oldest = if under_way.places.len() > self.limit { under_way.places.pop_first() } else { None };
        drop(under_way);
        if let Some((_, oldest)) = oldest {
            oldest.cancel();
        }
        HandshakeSlot { half_open: self, number, displaced }
    }

    fn lock(&self) -> MutexGuard<'_, PendingHandshakes> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HandshakeSlot<'_> {
    /// What the handshake comes to; `None` where it lost its place first.
    pub(super) async fn run_until_displaced<F: Future>(&self, handshake: F) -> Option<F::Output> {
        self.displaced.run_until_cancelled(handshake).await
    }
}

impl Drop for HandshakeSlot<'_> {
    fn drop(&mut self) {
        self.half_open.lock().places.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn one_handshake_too_many_displaces_the_oldest_and_nobody_else() {
        let half_open = HalfOpen::new(2);
        let (oldest, second, third) = (half_open.begin(), half_open.begin(), half_open.begin());
        assert_eq!(oldest.run_until_displaced(pending::<()>()).now_or_never(), Some(None));
        assert_eq!(second.run_until_displaced(pending::<()>()).now_or_never(), None);
        assert_eq!(third.run_until_displaced(ready(1)).now_or_never(), Some(Some(1)));
    }

    #[test]
    fn a_handshake_that_has_ended_leaves_its_place_to_another() {
        let half_open = HalfOpen::new(2);
        let first = half_open.begin();
        drop(half_open.begin());
        let _third = half_open.begin();
        assert_eq!(first.run_until_displaced(pending::<()>()).now_or_never(), None);
    }
}
