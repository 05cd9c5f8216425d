//! Time buckets. Records that may be forgotten at about the same time share a keyspace, which is deleted as a whole
//! when it expires. Expired records are not deleted one by one, and buckets are never compacted.

use std::time::Duration;

use fjall::Keyspace;

use super::index::BucketId;
use crate::domain::clock::Timestamp;

/// The bucket width by remaining lifetime, as `(maximum lifetime, width)` in minutes. A record stays up to one width longer than
/// necessary, so the width is small compared with the lifetime. There should also be few buckets, because each has a memtable.
/// The second row covers the default TTL with its quarantine; the last row covers the longest.
const WIDTHS: [(u64, u64); 3] = [(20, 2), (120, 10), (12 * 60, 60)];

/// The maximum remaining lifetime of a record in a bucket. Records that live longer are stored outside the buckets, which limits
/// the number of buckets.
pub(super) const FARTHEST: Duration = minutes(WIDTHS[WIDTHS.len() - 1].0);

const PREFIX: &str = "until-";

/// A keyspace of records that may all be forgotten at `end`.
#[derive(Clone)]
pub(super) struct Bucket {
    /// The bucket's expiry. The bucket is deleted at this time.
    pub end: Timestamp,
    /// The number of the bucket among those with the same expiry. A new one is created before the engine would need to
    /// compact the current one, because compacting data that is deleted soon is wasted work.
    pub generation: u32,
    pub keyspace: Keyspace,
}

impl Bucket {
    /// The bucket's id in the index.
    pub(super) fn id(&self) -> BucketId {
        BucketId::of(&self.keyspace)
    }
}

/// The expiry of the bucket for a record that may be forgotten at `forget_time`.
pub(super) fn end_for(forget_time: Timestamp, now: Timestamp) -> Timestamp {
    let width = width(forget_time.since(now));
    // A record that may already be forgotten goes to the first bucket that has not expired.
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

/// Parses a keyspace's name into expiry and generation. `None` if the keyspace is not a bucket.
pub(super) fn parse_name(name: &str) -> Option<(Timestamp, u32)> {
    let (end, generation) = name.strip_prefix(PREFIX)?.split_once('-')?;
    Some((Timestamp::from_millis(end.parse().ok()?), generation.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    #[test]
    fn a_bucket_never_expires_before_its_records() {
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
    fn codes_of_all_ttls_fit_in_a_few_dozen_buckets() {
        let now = Timestamp::from_millis(1_234 * MINUTE);
        let ends: std::collections::BTreeSet<_> =
            (1..=36_600).map(|seconds| end_for(now + Duration::from_secs(seconds), now)).collect();
        assert!(ends.len() <= 36, "{} buckets", ends.len());
    }

    #[test]
    fn a_bucket_name_round_trips_and_other_names_are_rejected() {
        let end = Timestamp::from_millis(600_000);
        assert_eq!(parse_name(&name(end, 3)), Some((end, 3)));
        assert_eq!(parse_name("lasting"), None);
        assert_eq!(parse_name("until-x-1"), None);
    }
}
