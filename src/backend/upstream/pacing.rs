//! Request pacing by the provider's rate limit: one call a second for each device, with bursts of ten. A device is the
//! address in `X-Forwarded-For` (reference, section 6). Calls that the provider would reject wait here instead.

use std::{sync::Arc, time::Duration};

use crate::domain::{
    address::Address,
    error::Result,
    id::EnvironmentName,
    limit::{Limit, LimitKey, Rate},
    port::Limits,
};

const SECOND: Duration = Duration::from_secs(1);

/// The burst of a device: one less than the provider's, because calls do not arrive at the intervals at which they were sent.
const BURST: u32 = 9;

/// The longest wait of a call, regardless of the caller's deadline. It also limits the number of waiting calls of a device.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// Paces the calls of each device.
pub(super) struct RequestPacing {
    limits: Arc<dyn Limits>,
    environment: EnvironmentName,
}

impl RequestPacing {
    pub(super) fn new(limits: Arc<dyn Limits>, environment: EnvironmentName) -> Self {
        Self { limits, environment }
    }

    /// Counts a call of the device, and returns the wait before it may be made. If the wait would be longer than `longest`, the
    /// call is not counted, and the wait is returned as an error.
    ///
    /// # Errors
    /// The store of the limits fails.
    pub(super) async fn reserve(
        &self,
        device: Address,
        longest: Duration,
    ) -> Result<std::result::Result<Duration, Duration>> {
        Ok(self.limits.reserve(&self.limit(device, BURST), longest.min(WAIT_MAX)).await?)
    }

    /// Reports whether the device has called more than once in the last second. `false` if the store fails.
    pub(super) async fn was_fast(&self, device: Address) -> bool {
        matches!(self.limits.admit(&[self.limit(device, 2)]).await, Ok(Err(_)))
    }

    /// Reports whether a call of the device would have to wait, or would follow another within a second. Counts no call.
    ///
    /// # Errors
    /// The store of the limits fails.
    pub(super) async fn would_wait(&self, device: Address) -> Result<bool> {
        Ok(self.limits.admit(&[self.limit(device, 1)]).await?.is_err())
    }

    fn limit(&self, device: Address, burst: u32) -> Limit {
        let key = LimitKey::UpstreamCalls(self.environment.clone(), device);
        Limit { key, rate: Rate::new(1, SECOND, burst) }
    }
}
