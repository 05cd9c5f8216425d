//! The format of a ledger entry.

use serde::{Deserialize, Serialize, Serializer};

use super::{FormatError, StoredFormat, decode, encode};
use crate::domain::{clock::Timestamp, port::LedgerEntry};

/// A ledger entry. Its value is opaque here and has its own format version.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LedgerEntryV1<'a> {
    /// In milliseconds since the Unix epoch; `None` for an entry that does not expire.
    pub expire_time: Option<u64>,
    #[serde(serialize_with = "as_bytes")]
    pub value: &'a [u8],
}

/// Gives the same encoding as serde's default for `&[u8]`, which serializes the bytes one by one, but in a single call.
fn as_bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

impl StoredFormat for LedgerEntryV1<'_> {
    const NAME: &'static str = "ledger_entry";
    const VERSION: u8 = 1;
}

impl LedgerEntryV1<'_> {
    /// # Errors
    /// Only if serialization fails, which cannot happen for a valid entry.
    pub(crate) fn encode(entry: &LedgerEntry) -> Result<Vec<u8>, FormatError> {
        let expire_time = entry.expire_time.map(Timestamp::as_millis);
        encode(&LedgerEntryV1 { expire_time, value: &entry.value })
    }

    /// # Errors
    /// If the bytes are not a valid entry.
    pub(crate) fn decode(bytes: &[u8]) -> Result<LedgerEntry, FormatError> {
        let LedgerEntryV1 { expire_time, value } = decode(bytes)?;
        Ok(LedgerEntry { value: value.to_vec(), expire_time: expire_time.map(Timestamp::from_millis) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::golden;

    #[test]
    fn the_format_of_a_ledger_entry_is_pinned() {
        let end = Timestamp::from_millis(1_763_000_000_123);
        let entry = LedgerEntry { value: b"value".to_vec(), expire_time: Some(end) };
        let encoded = LedgerEntryV1::encode(&entry).expect("encodes");
        golden::check(LedgerEntryV1::NAME, LedgerEntryV1::VERSION, &encoded, LedgerEntryV1::decode, &entry);
    }
}
