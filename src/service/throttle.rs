//! How fast clients of the REST API may call: the documented throttle (reference, section 6), and a wider one over all
//! that comes from one address, because the device id is the client's to choose.

use std::time::Duration;

use xxhash_rust::xxh3::xxh3_128;

use crate::domain::{
    address::Address,
    address_block::AddressBlock,
    clock::SharedClock,
    error::{Error, Result},
    leaky_bucket::{LeakyBuckets, Rate},
};

const SECOND: Duration = Duration::from_secs(1);

/// The documented throttle: a call a second, ten at once.
const PER_DEVICE: (u32, u32) = (1, 10);

/// The throttles of a REST face.
#[derive(Debug)]
pub(crate) struct Throttle {
    addresses: LeakyBuckets<AddressBlock>,
    per_address: Rate,
    devices: LeakyBuckets<(AddressBlock, u128)>,
    per_device: Rate,
}

impl Throttle {
    /// Takes `per_second` calls a second, and `burst` at once, from each address.
    #[must_use]
    pub(crate) fn new(clock: SharedClock, per_second: u32, burst: u32) -> Self {
        let (device_calls, device_burst) = PER_DEVICE;
        Self {
            addresses: LeakyBuckets::new(clock.clone()),
            per_address: Rate::new(per_second, SECOND, burst),
            devices: LeakyBuckets::new(clock),
            per_device: Rate::new(device_calls, SECOND, device_burst),
        }
    }

    /// Lets a call from `client` pass, whatever it is.
    ///
    /// # Errors
    /// [`Error::Throttled`].
    pub(crate) fn admit_call(&self, client: Address) -> Result<()> {
        self.addresses.take(&AddressBlock::of_line(client), self.per_address).map_err(throttled)
    }

    /// Lets a create for the device pass that `client` calls by this id.
    ///
    /// # Errors
    /// [`Error::Throttled`].
    pub(crate) fn admit_create(&self, client: Address, device_id: &str) -> Result<()> {
        // A digest, so that a long id takes no more memory than a short one. Who finds a second id with the same one
        // has but less to spend.
        let key = (AddressBlock::of_line(client), xxh3_128(device_id.as_bytes()));
        self.devices.take(&key, self.per_device).map_err(throttled)
    }
}

fn throttled(retry_after: Duration) -> Error {
    Error::Throttled { retry_after }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::{ManualClock, Timestamp};

    fn address(text: &str) -> Address {
        text.parse().expect("an address")
    }

    #[test]
    fn a_device_has_ten_creates_at_once_and_one_a_second_after_that() {
        let clock = ManualClock::new(Timestamp::from_millis(1_000));
        let throttle = Throttle::new(clock.clone(), 50, 200);
        let home = address("192.0.2.1");
        (0..10).for_each(|_| throttle.admit_create(home, "device").expect("within the burst"));
        let Err(Error::Throttled { retry_after }) = throttle.admit_create(home, "device") else {
            panic!("the eleventh passed");
        };
        assert_eq!(retry_after, SECOND);
        assert!(throttle.admit_create(home, "another device").is_ok());
        assert!(throttle.admit_create(address("192.0.2.2"), "device").is_ok());
        clock.advance(SECOND);
        assert!(throttle.admit_create(home, "device").is_ok());
    }

    #[test]
    fn an_ipv6_line_is_one_address() {
        let clock = ManualClock::new(Timestamp::from_millis(1_000));
        let throttle = Throttle::new(clock, 1, 2);
        assert!(throttle.admit_call(address("2001:db8::1")).is_ok());
        assert!(throttle.admit_call(address("2001:db8::2")).is_ok());
        assert!(throttle.admit_call(address("2001:db8::3")).is_err());
        assert!(throttle.admit_call(address("2001:db8:0:1::3")).is_ok());
    }
}
