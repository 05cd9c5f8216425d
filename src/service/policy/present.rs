//! The current policy.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::watch;

use super::Policy;

/// Holds the current policy. Reading it takes no lock.
#[derive(Debug)]
pub struct PresentPolicy {
    policy: ArcSwap<Policy>,
    replaced: watch::Sender<()>,
}

impl PresentPolicy {
    /// Starts with this policy.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy: ArcSwap::from_pointee(policy), replaced: watch::Sender::default() }
    }

    /// The policy, for short use. Do not hold it across an `await`.
    pub fn load(&self) -> Guard<Arc<Policy>> {
        self.policy.load()
    }

    /// The policy, for as long as it is needed.
    #[must_use]
    pub fn load_full(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Replaces the policy and notifies listeners.
    pub fn replace(&self, policy: Policy) {
        self.policy.store(Arc::new(policy));
        self.replaced.send_replace(());
    }

    /// Notifies of each later replacement.
    #[must_use]
    pub fn replacements(&self) -> watch::Receiver<()> {
        self.replaced.subscribe()
    }
}
