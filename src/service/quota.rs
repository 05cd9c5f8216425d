//! Limits how many items may be open at once: over all callers, and for each caller, so that none starves the others.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::domain::{
    caller::Caller,
    error::{Error, Result},
    limit::LimitedResource,
};

/// The slots of one kind of item. Each process has its own.
pub struct Quota {
    of: LimitedResource,
    limit: usize,
    /// The number of slots that one caller may hold, if it is lower than the limit.
    share: Option<usize>,
    held: Mutex<SlotHolders>,
}

#[derive(Default)]
struct SlotHolders {
    all: usize,
    /// Contains only callers that hold a slot.
    by_caller: HashMap<Arc<str>, usize>,
}

/// A slot. Dropping it returns it to the quota.
pub struct QuotaSlot {
    quota: Arc<Quota>,
    caller: Arc<str>,
}

impl Quota {
    /// A quota of `limit` slots, of which one caller may hold `percent` percent, but at least one.
    #[must_use]
    pub fn new(of: LimitedResource, limit: usize, percent: usize) -> Arc<Self> {
        let share = (percent < 100).then(|| (limit.saturating_mul(percent) / 100).max(1));
        Arc::new(Self { of, limit, share, held: Mutex::default() })
    }

    /// Takes a slot for the caller.
    ///
    /// # Errors
    /// [`Error::QuotaExhausted`] if all slots are taken, or the caller's share is.
    pub fn take(self: &Arc<Self>, caller: &Caller) -> Result<QuotaSlot> {
        let name = caller.name();
        let mut held = self.lock();
        // The listener already limits connections to this number. A closed connection may free its slot there before
        // its last call frees the slot here.
        if held.all >= self.limit && self.of != LimitedResource::Connections {
            return Err(self.exhausted(None));
        }
        let own = held.by_caller.get(name).copied().unwrap_or_default();
        if self.share.is_some_and(|share| own >= share) {
            return Err(self.exhausted(self.share));
        }
        held.by_caller.insert(Arc::clone(name), own + 1);
        held.all += 1;
        Ok(QuotaSlot { quota: Arc::clone(self), caller: Arc::clone(name) })
    }

    fn exhausted(&self, share: Option<usize>) -> Error {
        Error::QuotaExhausted { of: self.of, limit: self.limit, share }
    }

    fn lock(&self) -> MutexGuard<'_, SlotHolders> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for QuotaSlot {
    fn drop(&mut self) {
        let mut held = self.quota.lock();
        held.all -= 1;
        match held.by_caller.get_mut(&self.caller) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(held.by_caller.remove(&self.caller)),
        }
    }
}

impl fmt::Debug for Quota {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Quota")
            .field("of", &self.of)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for QuotaSlot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("QuotaSlot").field("of", &self.quota.of).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::caller::Scope;

    fn caller(name: &str) -> Caller {
        Caller::new(name, Scope::Any, Scope::Any, [])
    }

    fn share_of(outcome: Result<QuotaSlot>) -> Option<Option<usize>> {
        match outcome {
            Ok(_) => None,
            Err(Error::QuotaExhausted { share, .. }) => Some(share),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_caller_cannot_take_more_than_its_share() {
        let quota = Quota::new(LimitedResource::Watches, 5, 80);
        let greedy: Vec<_> =
            (0..4).map(|_| quota.take(&caller("greedy")).expect("within its share")).collect();
        assert_eq!(share_of(quota.take(&caller("greedy"))), Some(Some(4)));
        let other = quota.take(&caller("other")).expect("a slot is left");
        assert_eq!(share_of(quota.take(&caller("other"))), Some(None), "all slots are taken");
        drop(greedy);
        assert_eq!(quota.lock().by_caller.len(), 1, "a caller without slots is removed");
        assert!(quota.take(&caller("greedy")).is_ok());
        drop(other);
        let held = quota.lock();
        assert_eq!((held.all, held.by_caller.len()), (0, 0));
    }

    #[test]
    fn one_slot_is_available_to_any_caller_and_a_limit_of_zero_to_none() {
        assert!(Quota::new(LimitedResource::Batches, 1, 80).take(&caller("one")).is_ok());
        assert_eq!(share_of(Quota::new(LimitedResource::Batches, 0, 100).take(&caller("one"))), Some(None));
    }
}
