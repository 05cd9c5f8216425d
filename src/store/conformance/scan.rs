//! Scans, which backups and copies use.

use std::{collections::BTreeSet, time::Duration};

use futures_util::{StreamExt, TryStreamExt};

use super::{
    Harness,
    sample::{TTL, entry, insert, insert_for, ledger_key, ledger_kind},
};
use crate::domain::registration_code::QUARANTINE;

async fn scanned(harness: &impl Harness) -> Vec<(String, bool)> {
    let entries: Vec<_> = harness.store().codes.scan().try_collect().await.expect("the store works");
    let mut codes: Vec<_> = entries
        .iter()
        .map(|entry| (entry.registration.code.as_str().to_owned(), entry.release_time.is_some()))
        .collect();
    codes.sort();
    codes
}

/// A scan returns the records that a lookup finds.
pub(crate) async fn a_scan_returns_records_and_tombstones_until_their_quarantine_ends(
    harness: &impl Harness,
) {
    assert_eq!(scanned(harness).await, []);
    insert_for(harness, "GONE", Duration::from_secs(1)).await;
    harness.time().pass(QUARANTINE).await;
    insert_for(harness, "EXPIRED", Duration::from_secs(1)).await;
    harness.time().pass(Duration::from_secs(1)).await;
    insert(harness, "LIVE").await;
    let released = insert_for(harness, "RELEASED", Duration::from_secs(36_000)).await;
    assert!(harness.store().codes.release(&released.key(), released.id).await.expect("the store works"));
    let expected = [("EXPIRED", false), ("LIVE", false), ("RELEASED", true)];
    assert_eq!(scanned(harness).await, expected.map(|(code, released)| (code.to_owned(), released)));
}

/// There are more records than any store reads in one chunk.
pub(crate) async fn a_scan_returns_each_of_many_records_once(harness: &impl Harness) {
    let mut expected = Vec::new();
    for index in 0..1_100_u64 {
        let code = format!("CODE{index:04}");
        insert_for(harness, &code, TTL + Duration::from_secs(index * 30)).await;
        expected.push((code, false));
    }
    assert_eq!(scanned(harness).await, expected);
}

pub(crate) async fn a_ledger_scan_returns_live_entries_of_its_kind(harness: &impl Harness) {
    let (ledger, now) = (harness.store().ledger, harness.time().read());
    let minutes = |count: u32| Some(now + Duration::from_secs(60) * count);
    let entries =
        [("lasting", None), ("short", minutes(1)), ("long", minutes(300)), ("month", minutes(43_200))];
    for (name, expire_time) in entries {
        ledger.put_if_absent(&ledger_key("kind", name), entry(name, expire_time)).await.expect("works");
        ledger.put_if_absent(&ledger_key("kind2", name), entry("x", expire_time)).await.expect("works");
    }
    ledger.put_if_absent(&ledger_key("kind", "removed"), entry("x", None)).await.expect("works");
    assert!(ledger.swap(&ledger_key("kind", "removed"), Some(b"x"), None).await.expect("works"));
    harness.time().pass(Duration::from_secs(60)).await;
    let found: BTreeSet<_> = ledger
        .scan(ledger_kind("kind"))
        .map_ok(|(name, found)| (String::from_utf8(name).expect("text"), found.expire_time))
        .try_collect()
        .await
        .expect("the store works");
    let expected = [("lasting", None), ("long", minutes(300)), ("month", minutes(43_200))];
    assert_eq!(found, expected.map(|(name, end)| (name.to_owned(), end)).into());
}

/// A caller may stop reading a scan.
pub(crate) async fn a_scan_can_be_dropped_before_its_end(harness: &impl Harness) {
    for index in 0..10 {
        insert(harness, &format!("CODE{index}")).await;
    }
    let mut scan = harness.store().codes.scan();
    assert!(scan.next().await.is_some());
    drop(scan);
    insert(harness, "AFTER").await;
    harness.store().health.close().await.expect("closes");
}
