//! The owner of a connection, which the connection quotas of callers count.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use crate::{
    domain::{caller::Caller, error::Result},
    server::Shutdown,
    service::quota::{Quota, QuotaSlot},
};

/// How long the remaining calls on a connection that is being closed may take.
const LAST_CALLS: Duration = Duration::from_secs(5);

/// A connection. It counts for the first authenticated caller on it. Calls of other callers over it, for
/// example through a proxy, do not count.
#[derive(Debug)]
pub(super) struct GrpcConnection {
    quota: Arc<Quota>,
    owner: OnceLock<QuotaSlot>,
    /// Ends this connection, possibly before the server shuts down.
    end: Shutdown,
}

impl GrpcConnection {
    pub(super) fn new(quota: Arc<Quota>, end: Shutdown) -> Self {
        Self { quota, owner: OnceLock::new(), end }
    }

    /// Admits the call if the connection has an owner or can be counted for the caller. Otherwise the
    /// connection is closed after the response: if it stayed open, it would occupy a slot above the caller's
    /// share.
    ///
    /// # Errors
    /// [`Error::QuotaExhausted`](crate::domain::error::Error::QuotaExhausted).
    pub(super) fn admit(&self, caller: &Caller) -> Result<()> {
        if self.owner.get().is_some() {
            return Ok(());
        }
        match self.quota.take(caller) {
            Ok(slot) => {
                // One thread serves a connection, so this cannot race.
                let _ = self.owner.set(slot);
                Ok(())
            }
            Err(error) => {
                self.close();
                Err(error)
            }
        }
    }

    fn close(&self) {
        if self.end.drain.is_cancelled() {
            return;
        }
        self.end.drain.cancel();
        let cut = self.end.cut.clone();
        tokio::spawn(async move {
            tokio::time::sleep(LAST_CALLS).await;
            cut.cancel();
        });
    }
}
