//! Limits abandoned creates: cancelled, past their deadline, or with a broken connection.
//!
//! An abandoned create is still carried out, because it cannot be distinguished from one that waits for the disk. Without
//! a limit, a client that abandons each create at once could fill an environment without receiving a single response.

use std::{sync::Arc, time::Duration};

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use super::RegistrationDependencies;
use crate::domain::{
    address_block::AddressBlock,
    caller::Caller,
    error::{Error, Result},
    limit::{Limit, LimitKey, Rate, Throttled},
    port::Limits,
};

const MINUTE: Duration = Duration::from_secs(60);

/// The number of abandoned creates per minute, for each caller and address.
const PER_MINUTE: u32 = 60;

/// Concurrent creates may exceed the limit. The client then waits until the excess has drained, but at most a minute
/// (the next create waits a second longer than the last one counted). Otherwise a client whose creates were all
/// abandoned because of a slow disk or upstream would stay locked out long after the cause is gone.
const LONGEST_WAIT: Duration = Duration::from_secs(59);

/// A create in progress. Dropping it before its response counts it as abandoned.
pub(super) struct PendingCreate {
    limit: Option<Limit>,
    limits: Arc<dyn Limits>,
    tasks: TaskTracker,
}

impl PendingCreate {
    /// Admits a create, unless the caller has abandoned too many.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::StoreUnavailable`].
    pub(super) async fn begin(parts: &RegistrationDependencies, caller: &Caller) -> Result<Self> {
        let limits = Arc::clone(&parts.store.limits);
        let limit = limit_of(caller);
        if let Some(limit) = &limit {
            let room = limits.admit(std::slice::from_ref(limit)).await?;
            let of = Throttled::AbandonedCreates;
            room.map_err(|retry_after| Error::Throttled { of, retry_after })?;
        }
        Ok(Self { limit, limits, tasks: parts.tasks.clone() })
    }

    /// Completes the create, which then does not count.
    pub(super) fn answered(mut self) {
        self.limit = None;
    }
}

impl Drop for PendingCreate {
    fn drop(&mut self) {
        let (Some(limit), Ok(runtime)) = (self.limit.take(), Handle::try_current()) else { return };
        let limits = Arc::clone(&self.limits);
        let count = async move {
            // There is no client left to report a failure to.
            let _ = limits.reserve(&limit, LONGEST_WAIT).await;
        };
        self.tasks.spawn_on(count, &runtime);
    }
}

/// The limit for a create: by name and address for a configured caller, by address alone for all others, since a client
/// that registers over REST can get any number of names.
fn limit_of(caller: &Caller) -> Option<Limit> {
    let line = AddressBlock::of_line(caller.context().client?);
    let listed = caller.credential().map(|_| Arc::clone(caller.name()));
    let rate = Rate::new(PER_MINUTE, MINUTE, PER_MINUTE);
    Some(Limit { key: LimitKey::AbandonedCreates(listed, line), rate })
}
