//! Time buckets: records that may be forgotten at about the same time share a keyspace, which is deleted whole
//! when its time is over. Nothing is ever deleted record by record, and nothing is compacted away.

use std::time::Duration;

use fjall::Keyspace;

use super::index::BucketId;
use crate::domain::clock::Timestamp;

/// Records that are to be forgotten within this time go to narrow buckets. It holds the default TTL and its
/// quarantine, with room for codes that live a little longer.
const NEAR: Duration = Duration::from_secs(90 * 60);

/// The width of a bucket that ends soon: a record outstays its time by at most as much.
const NARROW: Duration = Duration::from_secs(10 * 60);

/// The width of a bucket that ends later. A lookup asks every bucket, so there should be few: nine narrow ones
/// and one for each of the hours that the longest TTL and its quarantine reach to.
const WIDE: Duration = Duration::from_secs(60 * 60);

/// Records that end later than this do not go to a bucket at all, or there would be no bound to their number.
pub(super) const FARTHEST: Duration = Duration::from_secs(12 * 60 * 60);

const PREFIX: &str = "until-";

/// One keyspace of records that may all be forgotten at `end`.
#[derive(Clone)]
pub(super) struct Bucket {
    /// When the bucket is deleted.
    pub end: Timestamp,
    /// Buckets of one end are numbered: a further one is begun before the engine would have to compact the
    /// last, since compacting what is soon deleted is work for nothing.
    pub generation: u32,
    /// Where its records are.
    pub keyspace: Keyspace,
}

impl Bucket {
    /// What the index knows it by.
    pub(super) fn id(&self) -> BucketId {
        BucketId::of(&self.keyspace)
    }
}

/// The end of the bucket for a record that may be forgotten at `forget_time`.
pub(super) fn end_for(forget_time: Timestamp, now: Timestamp) -> Timestamp {
    let width = if forget_time.since(now) <= NEAR { NARROW } else { WIDE };
    // A record that is over already goes to the first bucket that is not.
    let last = forget_time.max(now + Duration::from_millis(1));
    let width = u64::try_from(width.as_millis()).unwrap_or(u64::MAX);
    Timestamp::from_millis(last.as_millis().div_ceil(width).saturating_mul(width))
}

/// The name of a bucket's keyspace.
pub(super) fn name(end: Timestamp, generation: u32) -> String {
    format!("{PREFIX}{}-{generation}", end.as_millis())
}

/// The end and generation that a keyspace's name tells; `None` where it is not a bucket's.
pub(super) fn parse_name(name: &str) -> Option<(Timestamp, u32)> {
    let (end, generation) = name.strip_prefix(PREFIX)?.split_once('-')?;
    Some((Timestamp::from_millis(end.parse().ok()?), generation.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    #[test]
    fn a_bucket_never_ends_before_its_records() {
        let now = Timestamp::from_millis(1_000 * MINUTE + 1);
        for minutes in 0..720 {
            let forget_time = now + Duration::from_secs(minutes * 60);
            let end = end_for(forget_time, now);
            assert!(end >= forget_time && end > now);
            assert!(end.since(forget_time) <= if minutes <= 90 { NARROW } else { WIDE });
        }
    }

    #[test]
    fn codes_of_every_ttl_need_at_most_twenty_buckets() {
        let now = Timestamp::from_millis(1_234 * MINUTE);
        let ends: std::collections::BTreeSet<_> =
            (1..=36_600).map(|seconds| end_for(now + Duration::from_secs(seconds), now)).collect();
        assert!(ends.len() <= 20, "{} buckets", ends.len());
    }

    #[test]
    fn a_name_can_be_read_back_and_other_names_are_no_buckets() {
        let end = Timestamp::from_millis(600_000);
        assert_eq!(parse_name(&name(end, 3)), Some((end, 3)));
        assert_eq!(parse_name("lasting"), None);
        assert_eq!(parse_name("until-x-1"), None);
    }
}
