//! The formats of single values: a number, a difference, an id, an address, and a mark without content.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{FormatError, StoredFormat, decode, encode};
use crate::domain::address::Address;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NumberV1(u64);

impl StoredFormat for NumberV1 {
    const NAME: &'static str = "number";
    const VERSION: u8 = 1;
}

impl NumberV1 {
    #[must_use]
    pub(crate) fn encode(number: u64) -> Vec<u8> {
        // Encoding a number cannot fail.
        encode(&Self(number)).unwrap_or_default()
    }

    /// # Errors
    /// If the bytes are not a valid number.
    pub(crate) fn decode(bytes: &[u8]) -> Result<u64, FormatError> {
        decode(bytes).map(|Self(number)| number)
    }
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DifferenceV1(i64);

impl StoredFormat for DifferenceV1 {
    const NAME: &'static str = "difference";
    const VERSION: u8 = 1;
}

impl DifferenceV1 {
    #[must_use]
    pub(crate) fn encode(difference: i64) -> Vec<u8> {
        // Encoding a number cannot fail.
        encode(&Self(difference)).unwrap_or_default()
    }

    /// # Errors
    /// If the bytes are not a valid difference.
    pub(crate) fn decode(bytes: &[u8]) -> Result<i64, FormatError> {
        decode(bytes).map(|Self(difference)| difference)
    }
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IdV1([u8; 16]);

impl StoredFormat for IdV1 {
    const NAME: &'static str = "id";
    const VERSION: u8 = 1;
}

impl IdV1 {
    #[must_use]
    pub(crate) fn encode(id: Uuid) -> Vec<u8> {
        // Encoding an id cannot fail.
        encode(&Self(id.into_bytes())).unwrap_or_default()
    }

    /// # Errors
    /// If the bytes are not a valid id.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Uuid, FormatError> {
        decode(bytes).map(|Self(id)| Uuid::from_bytes(id))
    }
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AddressV1(IpAddr);

impl StoredFormat for AddressV1 {
    const NAME: &'static str = "address";
    const VERSION: u8 = 1;
}

impl AddressV1 {
    #[must_use]
    pub(crate) fn encode(address: Address) -> Vec<u8> {
        // Encoding an address cannot fail.
        encode(&Self(address.ip())).unwrap_or_default()
    }

    /// # Errors
    /// If the bytes are not a valid address.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Address, FormatError> {
        decode(bytes).map(|Self(address)| Address::from(address))
    }
}

/// The value of an entry that only needs to exist. Readers check for the entry and ignore its value.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MarkV1;

impl StoredFormat for MarkV1 {
    const NAME: &'static str = "mark";
    const VERSION: u8 = 1;
}

impl MarkV1 {
    #[must_use]
    pub(crate) fn encode() -> Vec<u8> {
        // Encoding a unit struct cannot fail.
        encode(&Self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::golden;

    #[test]
    fn the_formats_of_scalars_are_pinned() {
        let number = 1_763_000_000_123;
        golden::check(
            NumberV1::NAME,
            NumberV1::VERSION,
            &NumberV1::encode(number),
            NumberV1::decode,
            &number,
        );
        for (name, difference) in [("difference_more", 300), ("difference_less", -300)] {
            let encoded = DifferenceV1::encode(difference);
            golden::check(name, DifferenceV1::VERSION, &encoded, DifferenceV1::decode, &difference);
        }
        let id = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        golden::check(IdV1::NAME, IdV1::VERSION, &IdV1::encode(id), IdV1::decode, &id);
        for (name, text) in [("address_v4", "203.0.113.7"), ("address_v6", "2001:db8::7")] {
            let address = text.parse().expect("an address");
            let encoded = AddressV1::encode(address);
            golden::check(name, AddressV1::VERSION, &encoded, AddressV1::decode, &address);
        }
        let mark = MarkV1::encode();
        golden::check(MarkV1::NAME, MarkV1::VERSION, &mark, |bytes| decode::<MarkV1>(bytes), &MarkV1);
    }
}
