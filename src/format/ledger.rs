//! A ledger entry around its value.

use serde::{Deserialize, Serialize, Serializer};

use super::{Format, FormatError, decode, encode};
use crate::domain::{clock::Timestamp, port::LedgerEntry};

/// A ledger entry. Its value has a version of its own.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LedgerEntryV1<'a> {
    /// When it ends, in milliseconds since the Unix epoch.
    pub expire_time: Option<u64>,
    #[serde(serialize_with = "at_once")]
    pub value: &'a [u8],
}

/// The same as a list of bytes is written, which takes them one by one.
fn at_once<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

impl Format for LedgerEntryV1<'_> {
    const NAME: &'static str = "ledger_entry";
    const VERSION: u8 = 1;
}

impl LedgerEntryV1<'_> {
    /// An entry as it is kept.
    ///
    /// # Errors
    /// None that an entry leads to.
    pub(crate) fn encode(entry: &LedgerEntry) -> Result<Vec<u8>, FormatError> {
        let expire_time = entry.expire_time.map(Timestamp::as_millis);
        encode(&LedgerEntryV1 { expire_time, value: &entry.value })
    }

    /// The entry that was kept.
    ///
    /// # Errors
    /// Where the bytes are none.
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
