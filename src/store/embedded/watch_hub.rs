//! Who waits for changes to which code. Its memory is bounded by the watches that are open.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use fjall::UserKey;
use futures_util::{StreamExt, stream};
use tokio::sync::watch;

use crate::domain::port::CodeSignals;

/// The watched codes, by their keys.
#[derive(Default)]
pub(super) struct WatchHub {
    watched: Mutex<HashMap<UserKey, watch::Sender<()>>>,
    /// How many codes are watched: without any, a commit need not take the lock.
    count: AtomicUsize,
}

impl WatchHub {
    /// Signals for one code from now on.
    pub(super) fn watch(self: &Arc<Self>, key: UserKey) -> CodeSignals {
        let mut watched = self.lock();
        let receiver = watched.entry(key.clone()).or_insert_with(|| watch::Sender::new(())).subscribe();
        self.count.store(watched.len(), Ordering::SeqCst);
        drop(watched);
        let subscription = Subscription { hub: Arc::clone(self), key, receiver: Some(receiver) };
        stream::unfold(subscription, |mut subscription| async move {
            // A `watch` channel holds one signal at most, and says when its sender is gone.
            subscription.receiver.as_mut()?.changed().await.ok()?;
            Some(((), subscription))
        })
        .boxed()
    }

    /// Signals who watches any of the codes.
    pub(super) fn signal(&self, keys: &[UserKey]) {
        if keys.is_empty() || self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let watched = self.lock();
        for sender in keys.iter().filter_map(|key| watched.get(key)) {
            sender.send_replace(());
        }
    }

    /// Ends all streams.
    pub(super) fn close(&self) {
        self.lock().clear();
        self.count.store(0, Ordering::SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserKey, watch::Sender<()>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Subscription {
    hub: Arc<WatchHub>,
    key: UserKey,
    receiver: Option<watch::Receiver<()>>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // The receiver goes under the lock, so that of several which go at once the last one sees that it is.
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
    async fn nothing_is_kept_for_a_code_that_nobody_watches_any_more() {
        let hub = Arc::new(WatchHub::default());
        let key = UserKey::new(b"code");
        let (mut first, second) = (hub.watch(key.clone()), hub.watch(key.clone()));
        drop(second);
        hub.signal(std::slice::from_ref(&key));
        assert_eq!(first.next().await, Some(()));
        drop(first);
        assert!(hub.lock().is_empty());
        assert_eq!(hub.count.load(Ordering::SeqCst), 0);
    }
}
