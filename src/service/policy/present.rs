//! The policy that holds now.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::watch;

use super::Policy;

/// One policy at a time, which is read without a lock.
#[derive(Debug)]
pub struct PresentPolicy {
    policy: ArcSwap<Policy>,
    replaced: watch::Sender<()>,
}

impl PresentPolicy {
    /// Begins with this one.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy: ArcSwap::from_pointee(policy), replaced: watch::Sender::default() }
    }

    /// The policy, for a moment: it is not held over an `await`.
    pub fn load(&self) -> Guard<Arc<Policy>> {
        self.policy.load()
    }

    /// The policy, for as long as it is needed.
    #[must_use]
    pub fn load_full(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Has this one in its place, and tells those that listen.
    pub fn replace(&self, policy: Policy) {
        self.policy.store(Arc::new(policy));
        self.replaced.send_replace(());
    }

    /// Learns of each policy that comes after the present one.
    #[must_use]
    pub fn replacements(&self) -> watch::Receiver<()> {
        self.replaced.subscribe()
    }
}
