//! Whose a connection is: how many a caller may have depends on it.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use crate::{
    domain::{caller::Caller, error::Result},
    server::Shutdown,
    service::quota::{Quota, QuotaSlot},
};

/// How long what is still open on a connection that has to go may take to end.
const LAST_CALLS: Duration = Duration::from_secs(5);

/// A connection. It counts as the caller's whose call is the first on it of anybody known; other callers' calls over it, as
/// through a proxy, count as nobody's connection.
#[derive(Debug)]
pub(super) struct GrpcConnection {
    quota: Arc<Quota>,
    owner: OnceLock<QuotaSlot>,
    /// How it ends, which may be before the server does.
    end: Shutdown,
}

impl GrpcConnection {
    pub(super) fn new(quota: Arc<Quota>, end: Shutdown) -> Self {
        Self { quota, owner: OnceLock::new(), end }
    }

    /// Lets the caller's call pass if the connection is somebody's, or can be the caller's. If not, the connection is closed
    /// behind the answer: left open, it would keep the place that the caller must not have.
    ///
    /// # Errors
    /// [`Error::QuotaExhausted`](crate::domain::error::Error::QuotaExhausted).
    pub(super) fn admit(&self, caller: &Caller) -> Result<()> {
        if self.owner.get().is_some() {
            return Ok(());
        }
        match self.quota.take(caller) {
            Ok(place) => {
                // A connection is served by one thread: nobody else was faster.
                let _ = self.owner.set(place);
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
