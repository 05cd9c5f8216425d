//! The ledger: small values with compare-and-swap.

use std::time::Duration;

use super::{
    Harness,
    sample::{entry, ledger_key, race},
};

const MINUTE: Duration = Duration::from_secs(60);
const MILLISECOND: Duration = Duration::from_millis(1);

/// A put is atomic, and the losers receive the winner's entry.
pub(crate) async fn one_of_many_concurrent_puts_of_a_key_wins(harness: &impl Harness) {
    let (ledger, now) = (harness.store().ledger, harness.time().read());
    for expire_time in [None, Some(now + MINUTE)] {
        let ledger = ledger.clone();
        let name = format!("{expire_time:?}");
        let outcomes = race(16, move |index| {
            let (ledger, key) = (ledger.clone(), ledger_key("race", &name));
            let entry = entry(&index.to_string(), expire_time);
            async move { ledger.put_if_absent(&key, entry).await.expect("the store works") }
        })
        .await;
        let winner = outcomes.iter().position(Option::is_none).expect("one wins").to_string();
        for (index, outcome) in outcomes.iter().enumerate().filter(|(index, _)| index.to_string() != winner) {
            assert_eq!(outcome.as_ref(), Some(&entry(&winner, expire_time)), "of {index}");
        }
    }
}

/// An entry exists until its last millisecond.
pub(crate) async fn an_entry_exists_until_its_expiry(harness: &impl Harness) {
    let (ledger, key) = (harness.store().ledger, ledger_key("kind", "name"));
    assert_eq!(ledger.get(&key).await.expect("the store works"), None);
    let entry = entry("value", Some(harness.time().read() + MINUTE));
    assert_eq!(ledger.put_if_absent(&key, entry.clone()).await.expect("the store works"), None);
    harness.time().pass(MINUTE - MILLISECOND).await;
    assert_eq!(ledger.get(&key).await.expect("the store works"), Some(entry));
    harness.time().pass(MILLISECOND).await;
    assert_eq!(ledger.get(&key).await.expect("the store works"), None);
}

/// An expired entry is treated as absent.
pub(crate) async fn an_expired_entry_can_be_replaced(harness: &impl Harness) {
    let (ledger, key) = (harness.store().ledger, ledger_key("kind", "name"));
    for round in 0..3_u32 {
        let short = entry(&format!("short {round}"), Some(harness.time().read() + MINUTE));
        assert_eq!(ledger.put_if_absent(&key, short.clone()).await.expect("the store works"), None);
        let refused = ledger.put_if_absent(&key, entry("other", None)).await.expect("the store works");
        assert_eq!(refused, Some(short.clone()));
        harness.time().pass(MINUTE).await;
        assert!(!ledger.swap(&key, Some(&short.value), None).await.expect("the store works"));
    }
    let next = entry("next", None);
    assert!(ledger.swap(&key, None, Some(next.clone())).await.expect("the store works"));
    assert_eq!(ledger.get(&key).await.expect("the store works"), Some(next));
}

/// A swap with a wrong expectation changes nothing.
pub(crate) async fn a_swap_requires_the_expected_value(harness: &impl Harness) {
    let (ledger, key) = (harness.store().ledger, ledger_key("kind", "name"));
    let (first, second) = (entry("first", None), entry("second", None));
    assert!(!ledger.swap(&key, Some(b"first"), Some(second.clone())).await.expect("the store works"));
    assert!(ledger.swap(&key, None, Some(first.clone())).await.expect("the store works"));
    assert!(!ledger.swap(&key, None, Some(second.clone())).await.expect("the store works"));
    assert!(!ledger.swap(&key, Some(b"second"), Some(second.clone())).await.expect("the store works"));
    assert_eq!(ledger.get(&key).await.expect("the store works"), Some(first));
    assert!(ledger.swap(&key, Some(b"first"), Some(second.clone())).await.expect("the store works"));
    assert_eq!(ledger.get(&key).await.expect("the store works"), Some(second));
}

/// A swap is atomic under concurrency.
pub(crate) async fn one_of_many_concurrent_swaps_succeeds(harness: &impl Harness) {
    let (ledger, key) = (harness.store().ledger, ledger_key("lease", "name"));
    ledger.put_if_absent(&key, entry("free", None)).await.expect("the store works");
    let end = harness.time().read() + MINUTE;
    let outcomes = race(16, move |index| {
        let (ledger, key, mine) = (ledger.clone(), key.clone(), entry(&index.to_string(), Some(end)));
        async move { ledger.swap(&key, Some(b"free"), Some(mine)).await.expect("the store works") }
    })
    .await;
    let winner = outcomes.iter().position(|swapped| *swapped).expect("one succeeds");
    assert_eq!(outcomes.iter().filter(|swapped| **swapped).count(), 1);
    let held = harness.store().ledger.get(&ledger_key("lease", "name")).await.expect("the store works");
    assert_eq!(held, Some(entry(&winner.to_string(), Some(end))));
}

/// An entry's expiry may become sooner, later, or be removed. The entry always exists exactly once.
pub(crate) async fn a_swap_may_change_the_expiry(harness: &impl Harness) {
    let (ledger, key) = (harness.store().ledger, ledger_key("kind", "name"));
    let now = harness.time().read();
    let ends = [None, Some(now + MINUTE), Some(now + MINUTE * 400), Some(now + MINUTE * 2), None];
    assert_eq!(ledger.put_if_absent(&key, entry("0", ends[0])).await.expect("the store works"), None);
    for (index, end) in ends.into_iter().enumerate().skip(1) {
        let (before, after) = ((index - 1).to_string(), entry(&index.to_string(), end));
        let swapped = ledger.swap(&key, Some(before.as_bytes()), Some(after.clone())).await;
        assert!(swapped.expect("the store works"));
        assert_eq!(ledger.get(&key).await.expect("the store works"), Some(after));
    }
    harness.time().pass(MINUTE * 500).await;
    assert_eq!(ledger.get(&key).await.expect("the store works"), Some(entry("4", None)));
    let shorter = entry("5", Some(harness.time().read() + MINUTE));
    assert!(ledger.swap(&key, Some(b"4"), Some(shorter)).await.expect("the store works"));
    harness.time().pass(MINUTE).await;
    assert_eq!(ledger.get(&key).await.expect("the store works"), None);
}

/// A removed entry is absent, and removing an absent entry succeeds.
pub(crate) async fn a_swap_may_remove_an_entry(harness: &impl Harness) {
    let (ledger, key) = (harness.store().ledger, ledger_key("kind", "name"));
    for expire_time in [None, Some(harness.time().read() + MINUTE)] {
        ledger.put_if_absent(&key, entry("value", expire_time)).await.expect("the store works");
        assert!(!ledger.swap(&key, Some(b"other"), None).await.expect("the store works"));
        assert!(ledger.swap(&key, Some(b"value"), None).await.expect("the store works"));
        assert_eq!(ledger.get(&key).await.expect("the store works"), None);
        assert!(ledger.swap(&key, None, None).await.expect("the store works"));
    }
}

/// Time does not remove an entry without an expiry.
pub(crate) async fn an_entry_without_an_expiry_exists_until_it_is_removed(harness: &impl Harness) {
    let (ledger, key) = (harness.store().ledger, ledger_key("key", "signing"));
    ledger.put_if_absent(&key, entry("secret", None)).await.expect("the store works");
    harness.time().pass(MINUTE * 60 * 24 * 400).await;
    harness.reopen().await;
    let found = harness.store().ledger.get(&key).await.expect("the store works");
    assert_eq!(found, Some(entry("secret", None)));
}

/// An end may be farther away than any code's.
pub(crate) async fn an_entry_with_a_long_lifetime_expires_on_time(harness: &impl Harness) {
    let (ledger, key) = (harness.store().ledger, ledger_key("revocation", "name"));
    let days = MINUTE * 60 * 24 * 30;
    let entry = entry("value", Some(harness.time().read() + days));
    ledger.put_if_absent(&key, entry.clone()).await.expect("the store works");
    harness.time().pass(days - MILLISECOND).await;
    assert_eq!(ledger.get(&key).await.expect("the store works"), Some(entry));
    harness.time().pass(MILLISECOND).await;
    assert_eq!(ledger.get(&key).await.expect("the store works"), None);
}

/// Names are separate by kind, whatever bytes they contain.
pub(crate) async fn kinds_do_not_share_names(harness: &impl Harness) {
    let ledger = harness.store().ledger;
    for (kind, name) in [("a", "b\0c"), ("ab", "c"), ("a", "bc"), ("ab", "\0c")] {
        let put = ledger.put_if_absent(&ledger_key(kind, name), entry(name, None)).await;
        assert_eq!(put.expect("the store works"), None);
    }
    let found = ledger.get(&ledger_key("a", "b\0c")).await.expect("the store works");
    assert_eq!(found, Some(entry("b\0c", None)));
}

/// A lease is held for its duration, or until its holder releases it.
pub(crate) async fn a_lease_ends_when_it_expires_or_is_released(harness: &impl Harness) {
    let (ledger, key) = (harness.store().ledger, ledger_key("lease", "name"));
    let lease = async |holder: &[u8]| ledger.lease(&key, holder, MINUTE).await.expect("the store works");
    assert!(lease(b"first").await);
    assert!(!lease(b"first").await, "a repeated request does not renew it");
    harness.time().pass(MINUTE - MILLISECOND).await;
    assert!(!lease(b"second").await);
    harness.time().pass(MILLISECOND).await;
    assert!(lease(b"second").await);
    assert!(
        !ledger.swap(&key, Some(b"first"), None).await.expect("the store works"),
        "it has another holder now"
    );
    assert!(ledger.swap(&key, Some(b"second"), None).await.expect("the store works"));
    assert!(lease(b"third").await);
}

/// A lease has one holder under concurrency.
pub(crate) async fn one_of_many_concurrent_callers_gets_a_lease(harness: &impl Harness) {
    let ledger = harness.store().ledger;
    let outcomes = race(16, move |index| {
        let (ledger, key) = (ledger.clone(), ledger_key("lease", "race"));
        async move { ledger.lease(&key, index.to_string().as_bytes(), MINUTE).await.expect("the store works") }
    })
    .await;
    let winner = outcomes.iter().position(|taken| *taken).expect("one holder").to_string();
    assert_eq!(outcomes.iter().filter(|taken| **taken).count(), 1);
    let held = harness.store().ledger.get(&ledger_key("lease", "race")).await.expect("the store works");
    assert_eq!(held.map(|entry| entry.value), Some(winner.into_bytes()));
}
