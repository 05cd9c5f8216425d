//! The provider's throttle, kept on our side: a call a second for each device, ten at once, the device being the address
//! in `X-Forwarded-For` (reference, section 6). Who keeps it waits here for what the provider would refuse.

use std::{sync::Arc, time::Duration};

use crate::domain::{
    address::Address,
    error::Result,
    id::EnvironmentName,
    limit::{Limit, LimitKey, Rate},
    port::Limits,
};

const SECOND: Duration = Duration::from_secs(1);

/// How many calls of a device may leave at once: one less than may arrive, since some take longer on their way than others.
const BURST: u32 = 9;

/// How long a call waits for its turn at most, however long its caller would: so many calls of one device wait.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// The pace of each device.
pub(super) struct RequestPacing {
    limits: Arc<dyn Limits>,
    environment: EnvironmentName,
}

impl RequestPacing {
    pub(super) fn new(limits: Arc<dyn Limits>, environment: EnvironmentName) -> Self {
        Self { limits, environment }
    }

    /// Counts a call of the device, and says how long to wait before it is made; or, where that is longer than `longest`,
    /// how long it would be: it is not counted then.
    ///
    /// # Errors
    /// Those of the store that keeps the limits.
    pub(super) async fn reserve(
        &self,
        device: Address,
        longest: Duration,
    ) -> Result<std::result::Result<Duration, Duration>> {
        Ok(self.limits.reserve(&self.limit(device, BURST), longest.min(WAIT_MAX)).await?)
    }

    /// Whether the device has called more than once in the last second, as far as that can be told.
    pub(super) async fn was_fast(&self, device: Address) -> bool {
        matches!(self.limits.admit(&[self.limit(device, 2)]).await, Ok(Err(_)))
    }

    /// Whether a call of the device would have to wait, or would come within a second after another. Counts none.
    ///
    /// # Errors
    /// Those of the store that keeps the limits.
    pub(super) async fn would_wait(&self, device: Address) -> Result<bool> {
        Ok(self.limits.admit(&[self.limit(device, 1)]).await?.is_err())
    }

    fn limit(&self, device: Address, burst: u32) -> Limit {
        let key = LimitKey::UpstreamCalls(self.environment.clone(), device);
        Limit { key, rate: Rate::new(1, SECOND, burst) }
    }
}
