//! How fast clients of the REST API may call: the documented throttle (reference, section 6), and a wider one over all
//! that comes from one address, because the device id is the client's to choose.

use std::{fmt, sync::Arc, time::Duration};

use xxhash_rust::xxh3::xxh3_128;

use crate::domain::{
    address::Address,
    address_block::AddressBlock,
    error::{Error, Result},
    limit::{Limit, LimitKey, Rate},
    port::Limits,
};

const SECOND: Duration = Duration::from_secs(1);

/// The documented throttle: a call a second, ten at once.
const PER_DEVICE: (u32, u32) = (1, 10);

/// The throttles of a REST face.
pub(crate) struct Throttle {
    limits: Arc<dyn Limits>,
    per_address: Rate,
    per_device: Rate,
}

impl Throttle {
    /// Takes `per_second` calls a second, and `burst` at once, from each address.
    #[must_use]
    pub(crate) fn new(limits: Arc<dyn Limits>, per_second: u32, burst: u32) -> Self {
        let (device_calls, device_burst) = PER_DEVICE;
        Self {
            limits,
            per_address: Rate::new(per_second, SECOND, burst),
            per_device: Rate::new(device_calls, SECOND, device_burst),
        }
    }

    /// Lets a call from `client` pass, whatever it is.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::StoreUnavailable`].
    pub(crate) async fn admit_call(&self, client: Address) -> Result<()> {
        self.take(LimitKey::Calls(AddressBlock::of_line(client)), self.per_address).await
    }

    /// Lets a create for the device pass that `client` calls by this id.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::StoreUnavailable`].
    pub(crate) async fn admit_create(&self, client: Address, device_id: &str) -> Result<()> {
        // A digest, so that a long id takes no more memory than a short one. Who finds a second id with the same one
        // has but less to spend.
        let key = LimitKey::Creates(AddressBlock::of_line(client), xxh3_128(device_id.as_bytes()));
        self.take(key, self.per_device).await
    }

    async fn take(&self, key: LimitKey, rate: Rate) -> Result<()> {
        let room = self.limits.take(&Limit { key, rate }).await?;
        room.map_err(|retry_after| Error::Throttled { retry_after })
    }
}

impl fmt::Debug for Throttle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Throttle").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::clock::{ManualClock, SharedClock, Timestamp},
        store::memory::MemoryLimits,
    };

    fn throttle(clock: SharedClock, per_second: u32, burst: u32) -> Throttle {
        Throttle::new(Arc::new(MemoryLimits::new(&clock)), per_second, burst)
    }

    fn address(text: &str) -> Address {
        text.parse().expect("an address")
    }

    #[tokio::test]
    async fn a_device_has_ten_creates_at_once_and_one_a_second_after_that() {
        let clock = ManualClock::new(Timestamp::from_millis(1_000));
        let throttle = throttle(clock.clone(), 50, 200);
        let home = address("192.0.2.1");
        for _ in 0..10 {
            throttle.admit_create(home, "device").await.expect("within the burst");
        }
        let Err(Error::Throttled { retry_after }) = throttle.admit_create(home, "device").await else {
            panic!("the eleventh passed");
        };
        assert_eq!(retry_after, SECOND);
        assert!(throttle.admit_create(home, "another device").await.is_ok());
        assert!(throttle.admit_create(address("192.0.2.2"), "device").await.is_ok());
        clock.advance(SECOND);
        assert!(throttle.admit_create(home, "device").await.is_ok());
    }

    #[tokio::test]
    async fn an_ipv6_line_is_one_address() {
        let clock = ManualClock::new(Timestamp::from_millis(1_000));
        let throttle = throttle(clock, 1, 2);
        assert!(throttle.admit_call(address("2001:db8::1")).await.is_ok());
        assert!(throttle.admit_call(address("2001:db8::2")).await.is_ok());
        assert!(throttle.admit_call(address("2001:db8::3")).await.is_err());
        assert!(throttle.admit_call(address("2001:db8:0:1::3")).await.is_ok());
    }
}
