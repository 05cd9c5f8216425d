//! Rate limits of clients: one for all calls of an address, and the documented limit of creates over REST (reference,
//! section 6). The first is necessary because clients choose their device ids.

use std::{fmt, sync::Arc, time::Duration};

use xxhash_rust::xxh3::xxh3_128;

use crate::domain::{
    address::Address,
    address_block::AddressBlock,
    error::{Error, Result},
    limit::{Limit, LimitKey, Rate, Throttled},
    port::Limits,
};

const SECOND: Duration = Duration::from_secs(1);

/// The documented limit: one call per second, with a burst of ten.
const PER_DEVICE: (u32, u32) = (1, 10);

/// The face whose calls are counted. Each face has separate limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CountedFace {
    Rest,
    Grpc,
}

/// The rate limit of each address on a face. An address is an IPv4 address or an IPv6 /64.
pub(crate) struct AddressThrottle {
    limits: Arc<dyn Limits>,
    face: CountedFace,
    rate: Rate,
}

impl AddressThrottle {
    /// Allows `per_second` calls per second and bursts of `burst` from each address.
    #[must_use]
    pub(crate) fn new(limits: Arc<dyn Limits>, face: CountedFace, per_second: u32, burst: u32) -> Self {
        Self { limits, face, rate: Rate::new(per_second, SECOND, burst) }
    }

    /// Admits a call of any kind from `client`.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::StoreUnavailable`].
    pub(crate) async fn admit(&self, client: Address) -> Result<()> {
        let line = AddressBlock::of_line(client);
        let (key, of) = match self.face {
            CountedFace::Rest => (LimitKey::Calls(line), Throttled::RestAddress),
            CountedFace::Grpc => (LimitKey::GrpcCalls(line), Throttled::GrpcAddress),
        };
        take(&*self.limits, Limit { key, rate: self.rate }, of).await
    }
}

/// The rate limit of creates for each device, over REST.
pub(crate) struct CreateThrottle {
    limits: Arc<dyn Limits>,
}

impl CreateThrottle {
    /// The documented limit, kept in `limits`.
    #[must_use]
    pub(crate) fn new(limits: Arc<dyn Limits>) -> Self {
        Self { limits }
    }

    /// Admits a create for the device with this id, called from `client`.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::StoreUnavailable`].
    pub(crate) async fn admit(&self, client: Address, device_id: &str) -> Result<()> {
        // A digest takes the same memory for ids of any length. A client that finds a second id with the same digest
        // only gets the same limit for both.
        let key = LimitKey::Creates(AddressBlock::of_line(client), xxh3_128(device_id.as_bytes()));
        let (calls, burst) = PER_DEVICE;
        let limit = Limit { key, rate: Rate::new(calls, SECOND, burst) };
        take(&*self.limits, limit, Throttled::Device).await
    }
}

async fn take(limits: &dyn Limits, limit: Limit, of: Throttled) -> Result<()> {
    let room = limits.take(&limit).await?;
    room.map_err(|retry_after| Error::Throttled { of, retry_after })
}

impl fmt::Debug for AddressThrottle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AddressThrottle").field("face", &self.face).finish_non_exhaustive()
    }
}

impl fmt::Debug for CreateThrottle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CreateThrottle").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::clock::{ManualClock, Timestamp},
        store::memory::MemoryLimits,
    };

    fn address(text: &str) -> Address {
        text.parse().expect("an address")
    }

    #[tokio::test]
    async fn a_device_has_a_burst_of_ten_creates_and_then_one_per_second() {
        let clock = ManualClock::new(Timestamp::from_millis(1_000));
        let throttle = CreateThrottle::new(Arc::new(MemoryLimits::new(&(clock.clone() as _))));
        let home = address("192.0.2.1");
        for _ in 0..10 {
            throttle.admit(home, "device").await.expect("within the burst");
        }
        let Err(Error::Throttled { of, retry_after }) = throttle.admit(home, "device").await else {
            panic!("the eleventh was admitted");
        };
        assert_eq!((of, retry_after), (Throttled::Device, SECOND));
        assert!(throttle.admit(home, "another device").await.is_ok());
        assert!(throttle.admit(address("192.0.2.2"), "device").await.is_ok());
        clock.advance(SECOND);
        assert!(throttle.admit(home, "device").await.is_ok());
    }

    #[tokio::test]
    async fn an_ipv6_64_block_is_one_address() {
        let clock = ManualClock::new(Timestamp::from_millis(1_000));
        let limits: Arc<dyn Limits> = Arc::new(MemoryLimits::new(&(clock as _)));
        let throttle = AddressThrottle::new(Arc::clone(&limits), CountedFace::Rest, 1, 2);
        assert!(throttle.admit(address("2001:db8::1")).await.is_ok());
        assert!(throttle.admit(address("2001:db8::2")).await.is_ok());
        assert!(throttle.admit(address("2001:db8::3")).await.is_err());
        assert!(throttle.admit(address("2001:db8:0:1::3")).await.is_ok());
        let other_face = AddressThrottle::new(limits, CountedFace::Grpc, 1, 2);
        assert!(other_face.admit(address("2001:db8::3")).await.is_ok());
    }
}
