//! The watchers of keys. Memory is proportional to the number of open watches.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{StreamExt, stream};
use tokio::sync::watch;

use crate::domain::port::Signals;

/// The watched keys.
pub(crate) struct WatchHub<K> {
    watched: Mutex<HashMap<K, watch::Sender<()>>>,
    /// The number of watched keys. While it is zero, a commit does not take the lock.
    count: AtomicUsize,
}

impl<K> Default for WatchHub<K> {
    fn default() -> Self {
        Self { watched: Mutex::default(), count: AtomicUsize::new(0) }
    }
}

impl<K: Clone + Eq + Hash + Send + 'static> WatchHub<K> {
    /// Returns the signals for a key from now on.
    pub(crate) fn watch(self: &Arc<Self>, key: K) -> Signals {
        let mut watched = self.lock();
        let receiver = watched.entry(key.clone()).or_insert_with(|| watch::Sender::new(())).subscribe();
        self.count.store(watched.len(), Ordering::SeqCst);
        drop(watched);
        let subscription = Subscription { hub: Arc::clone(self), key, receiver: Some(receiver) };
        stream::unfold(subscription, |mut subscription| async move {
            // A `watch` channel holds at most one signal, and fails when its sender is dropped.
            subscription.receiver.as_mut()?.changed().await.ok()?;
            Some(((), subscription))
        })
        .boxed()
    }

    /// Signals the watchers of these keys.
    pub(crate) fn signal(&self, keys: &[K]) {
        if keys.is_empty() || self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let watched = self.lock();
        for sender in keys.iter().filter_map(|key| watched.get(key)) {
            sender.send_replace(());
        }
    }

    pub(crate) fn is_watched(&self, key: &K) -> bool {
        self.lock().contains_key(key)
    }

    /// All keys that have watchers.
    pub(crate) fn watched(&self) -> Vec<K> {
        self.lock().keys().cloned().collect()
    }

    /// Ends all streams.
    pub(crate) fn close(&self) {
        self.lock().clear();
        self.count.store(0, Ordering::SeqCst);
    }
}

impl<K> WatchHub<K> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, watch::Sender<()>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Subscription<K: Eq + Hash> {
    hub: Arc<WatchHub<K>>,
    key: K,
    receiver: Option<watch::Receiver<()>>,
}

impl<K: Eq + Hash> Drop for Subscription<K> {
    fn drop(&mut self) {
        // Drop the receiver under the lock, so that the last of several concurrent drops detects that it is the last.
        let mut watched = self.hub.lock();
        self.receiver = None;
        if watched.get(&self.key).is_some_and(|sender| sender.receiver_count() == 0) {
            watched.remove(&self.key);
            self.hub.count.store(watched.len(), Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_without_watchers_takes_no_memory() {
        let hub = Arc::new(WatchHub::default());
        let (mut first, second) = (hub.watch("code"), hub.watch("code"));
        drop(second);
        hub.signal(&["code"]);
        assert_eq!(first.next().await, Some(()));
        drop(first);
        assert!(hub.lock().is_empty());
        assert_eq!(hub.count.load(Ordering::SeqCst), 0);
    }
}
