//! A lock per key: a repeat that arrives while the first call runs waits for it.
//!
//! Implemented here in 30 lines: `keyed-lock` 0.2 never removes a key whose waiter gave up, and `lockable` 0.2, which
//! does, adds six crates. `tokio::sync::Mutex` does the waiting.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Locks by key. Contains only keys whose lock is held or waited for.
#[derive(Debug)]
pub(super) struct SingleFlight<K: Eq + Hash + Clone> {
    locks: Arc<Mutex<HashMap<K, Arc<AsyncMutex<()>>>>>,
}

impl<K: Eq + Hash + Clone> Default for SingleFlight<K> {
    fn default() -> Self {
        Self { locks: Arc::default() }
    }
}

/// The lock of one key. Dropping it passes it to the next waiter.
#[derive(Debug)]
pub(super) struct KeyGuard<K: Eq + Hash + Clone> {
    key: K,
    locks: Arc<Mutex<HashMap<K, Arc<AsyncMutex<()>>>>>,
    guard: Option<OwnedMutexGuard<()>>,
}

impl<K: Eq + Hash + Clone> SingleFlight<K> {
    /// Acquires the lock of `key`.
    pub(super) async fn lock(&self, key: K) -> KeyGuard<K> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(locks.entry(key.clone()).or_default())
        };
        let mut guard = KeyGuard { key, locks: Arc::clone(&self.locks), guard: None };
        guard.guard = Some(lock.lock_owned().await);
        guard
    }
}

impl<K: Eq + Hash + Clone> Drop for KeyGuard<K> {
    fn drop(&mut self) {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        self.guard = None;
        // Each waiter holds a reference too. Without waiters, the map's reference is the last one.
        if locks.get(&self.key).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            locks.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn calls_of_one_key_are_serialized_and_the_key_is_removed_afterwards() {
        let flights = Arc::new(SingleFlight::default());
        let first = flights.lock("a").await;
        let other = flights.lock("b").await;
        let second = tokio::spawn({
            let flights = Arc::clone(&flights);
            async move { drop(flights.lock("a").await) }
        });
        tokio::task::yield_now().await;
        assert!(!second.is_finished(), "the lock of a is held");
        drop((first, other));
        second.await.expect("ran");
        assert!(flights.locks.lock().expect("not poisoned").is_empty());
    }

    #[tokio::test]
    async fn a_cancelled_waiter_leaves_nothing_behind() {
        let flights = SingleFlight::default();
        let first = flights.lock("a").await;
        {
            let waiting = flights.lock("a");
            futures_util::pin_mut!(waiting);
            assert!(futures_util::poll!(waiting).is_pending());
        }
        drop(first);
        assert!(flights.locks.lock().expect("not poisoned").is_empty());
    }
}
