//! Time buckets: records that may be forgotten at about the same time share a keyspace, which is deleted whole
//! when its time is over. Nothing is ever deleted record by record, and nothing is compacted away.

use std::time::Duration;

use fjall::Keyspace;

use super::index::BucketId;
use crate::domain::clock::Timestamp;

/// How wide the bucket is for a record that is to be forgotten within so much time, in minutes: a record outstays its time by
/// at most as much, which should be little beside that time itself. Nor should there be many buckets, for each has a memtable. The
/// second row holds the default TTL with its quarantine, the last one the longest.
const WIDTHS: [(u64, u64); 3] = [(20, 2), (120, 10), (12 * 60, 60)];

/// Records that end later than this do not go to a bucket at all, or there would be no bound to their number.
pub(super) const FARTHEST: Duration = minutes(WIDTHS[WIDTHS.len() - 1].0);

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
    let width = width(forget_time.since(now));
    // A record that is over already goes to the first bucket that is not.
    let last = forget_time.max(now + Duration::from_millis(1));
    let width = u64::try_from(width.as_millis()).unwrap_or(u64::MAX);
    Timestamp::from_millis(last.as_millis().div_ceil(width).saturating_mul(width))
}

fn width(term: Duration) -> Duration {
    let row = WIDTHS.into_iter().find(|(within, _)| term <= minutes(*within));
    row.map_or(FARTHEST, |(_, width)| minutes(width))
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
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
            let allowed = Duration::from_secs(60 * minutes).max(super::minutes(20)) / 2;
            assert!(end.since(forget_time) <= allowed, "{minutes} minutes");
        }
    }

    #[test]
    fn the_codes_of_every_ttl_need_a_few_dozen_buckets() {
        let now = Timestamp::from_millis(1_234 * MINUTE);
        let ends: std::collections::BTreeSet<_> =
            (1..=36_600).map(|seconds| end_for(now + Duration::from_secs(seconds), now)).collect();
        assert!(ends.len() <= 36, "{} buckets", ends.len());
    }

    #[test]
    fn a_name_can_be_read_back_and_other_names_are_no_buckets() {
        let end = Timestamp::from_millis(600_000);
        assert_eq!(parse_name(&name(end, 3)), Some((end, 3)));
        assert_eq!(parse_name("lasting"), None);
        assert_eq!(parse_name("until-x-1"), None);
    }
}
