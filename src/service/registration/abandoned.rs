//! Creates that are given up before their answer: cancelled, past their deadline, or with a connection that broke.
//!
//! Such a create is carried out all the same, since nobody can tell it from one that waits for the disk; so somebody who
//! gives up each of his own at once fills an environment without ever taking an answer, at no cost to himself.

use std::{sync::Arc, time::Duration};

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use super::Parts;
use crate::domain::{
    address_block::AddressBlock,
    caller::Caller,
    error::{Error, Result},
    limit::{Limit, LimitKey, Rate, Throttled},
    port::Limits,
};

const MINUTE: Duration = Duration::from_secs(60);

/// How many creates may be given up in a minute, by each caller and address.
const PER_MINUTE: u32 = 60;

/// Creates that are under way together may exceed that, and the excess is waited for, but no longer than a minute (the next one
/// waits for a second more than the last that is counted): whose creates were all given up because a disk or an upstream was
/// slow must not be locked out long after that is over.
const LONGEST_WAIT: Duration = Duration::from_secs(59);

/// A create under way. Dropped before its answer it counts as given up.
pub(super) struct CreateUnderWay {
    limit: Option<Limit>,
    limits: Arc<dyn Limits>,
    tasks: TaskTracker,
}

impl CreateUnderWay {
    /// Lets a create begin, unless too many of the caller's were given up.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::StoreUnavailable`].
    pub(super) async fn begin(parts: &Parts, caller: &Caller) -> Result<Self> {
        let limits = Arc::clone(&parts.store.limits);
        let limit = limit_of(caller);
        if let Some(limit) = &limit {
            let room = limits.admit(std::slice::from_ref(limit)).await?;
            let of = Throttled::AbandonedCreates;
            room.map_err(|retry_after| Error::Throttled { of, retry_after })?;
        }
        Ok(Self { limit, limits, tasks: parts.tasks.clone() })
    }

    /// Ends it with its answer.
    pub(super) fn answered(mut self) {
        self.limit = None;
    }
}

impl Drop for CreateUnderWay {
    fn drop(&mut self) {
        let (Some(limit), Ok(runtime)) = (self.limit.take(), Handle::try_current()) else { return };
        let limits = Arc::clone(&self.limits);
        let count = async move {
            // Nobody is left who could be told that it failed.
            let _ = limits.reserve(&limit, LONGEST_WAIT).await;
        };
        self.tasks.spawn_on(count, &runtime);
    }
}

/// Whose creates are counted: a listed caller's by its name and address, everybody else's by the address alone, since whoever
/// registers over REST may take as many names as it likes.
fn limit_of(caller: &Caller) -> Option<Limit> {
    let line = AddressBlock::of_line(caller.context().client?);
    let listed = caller.credential().map(|_| Arc::clone(caller.name()));
    let rate = Rate::new(PER_MINUTE, MINUTE, PER_MINUTE);
    Some(Limit { key: LimitKey::AbandonedCreates(listed, line), rate })
}
