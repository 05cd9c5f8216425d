//! The life cycle of a code.

use std::time::Duration;

use uuid::Uuid;

use super::{
    Harness,
    sample::{
        self, TTL, entry, id_of, insert, insert_for, is_free, ledger_key, race, registration, try_insert,
    },
};
use crate::domain::{
    id::RequestorId,
    port::{Insertion, LedgerKey, Store},
    registration_code::{CodeState, QUARANTINE, RegistrationCode},
};

const MILLISECOND: Duration = Duration::from_millis(1);

/// An insertion is atomic under concurrency.
pub(crate) async fn one_of_many_concurrent_inserts_of_a_code_wins(harness: &impl Harness) {
    let (codes, now) = (harness.store().codes, harness.time().read());
    for round in 0..8 {
        let codes = codes.clone();
        let outcomes = race(16, move |index| {
            let mut registration = registration(now, &format!("RACE{round}"), TTL);
            registration.id = Uuid::from_u64_pair(round, index as u64);
            let codes = codes.clone();
            async move {
                codes.insert_if_absent(&registration, sample::NO_LIMIT, None).await.expect("the store works")
            }
        })
        .await;
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Insertion::Inserted).count(), 1);
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Insertion::Taken).count(), 15);
    }
}

/// All fields of a record are stored unchanged.
pub(crate) async fn a_record_is_read_as_it_was_inserted(harness: &impl Harness) {
    let registration = insert(harness, "CODE").await;
    let entry = harness.store().codes.get(&registration.key()).await.expect("the store works");
    let entry = entry.expect("the record is there");
    assert_eq!(entry.registration, registration);
    assert_eq!((entry.release_time, entry.state(harness.time().read())), (None, CodeState::Pending));
    let absent = sample::registration(harness.time().read(), "ABSENT", TTL).key();
    assert_eq!(harness.store().codes.get(&absent).await.expect("the store works"), None);
}

/// A code is live until its last millisecond.
pub(crate) async fn a_code_expires_to_the_millisecond(harness: &impl Harness) {
    let codes = harness.store().codes;
    let early = insert_for(harness, "EARLY", Duration::from_secs(60)).await;
    let late = insert_for(harness, "LATE", Duration::from_secs(60)).await;
    harness.time().pass(Duration::from_secs(60) - MILLISECOND).await;
    assert!(codes.release(&early.key(), early.id).await.expect("the store works"), "it is live");
    harness.time().pass(MILLISECOND).await;
    assert!(!codes.release(&late.key(), late.id).await.expect("the store works"), "it has expired");
    let entry = codes.get(&late.key()).await.expect("the store works").expect("it still exists");
    assert_eq!((entry.release_time, entry.state(harness.time().read())), (None, CodeState::Expired));
}

/// An expired code cannot be reused during its quarantine, to the millisecond, and is free afterwards.
pub(crate) async fn an_expired_code_is_not_reused_before_its_quarantine_ends(harness: &impl Harness) {
    let codes = harness.store().codes;
    for ttl in [1, 60, 1_800, 36_000].map(Duration::from_secs) {
        let key = insert_for(harness, "CODE", ttl).await.key();
        harness.time().pass(ttl + QUARANTINE - MILLISECOND).await;
        assert!(codes.get(&key).await.expect("the store works").is_some());
        assert!(!is_free(harness, &key).await, "in quarantine after {ttl:?}");
        harness.time().pass(MILLISECOND).await;
        assert_eq!(codes.get(&key).await.expect("the store works"), None);
        let next = insert_for(harness, "CODE", Duration::from_secs(1)).await;
        assert_eq!(codes.get(&key).await.expect("the store works").expect("there").registration.id, next.id);
        harness.time().pass(Duration::from_secs(1) + QUARANTINE).await;
    }
}

/// A released code leaves a tombstone, and its quarantine starts when it would have expired.
pub(crate) async fn a_released_code_leaves_a_tombstone_until_its_quarantine_ends(harness: &impl Harness) {
    let codes = harness.store().codes;
    let registration = insert(harness, "CODE").await;
    harness.time().pass(Duration::from_secs(5)).await;
    assert!(codes.release(&registration.key(), registration.id).await.expect("the store works"));
    let entry = codes.get(&registration.key()).await.expect("the store works").expect("a tombstone");
    assert_eq!(
        (entry.release_time, entry.state(harness.time().read())),
        (Some(harness.time().read()), CodeState::Released)
    );
    assert_eq!(entry.registration, registration);
    harness.time().pass(TTL + QUARANTINE - Duration::from_secs(5) - MILLISECOND).await;
    assert!(!is_free(harness, &registration.key()).await);
    harness.time().pass(MILLISECOND).await;
    assert_eq!(codes.get(&registration.key()).await.expect("the store works"), None);
    assert!(is_free(harness, &registration.key()).await);
}

/// A release is atomic under concurrency.
pub(crate) async fn one_of_many_concurrent_releases_succeeds(harness: &impl Harness) {
    let codes = harness.store().codes;
    for round in 0..8 {
        let registration = insert(harness, &format!("RACE{round}")).await;
        let codes = codes.clone();
        let outcomes = race(16, move |_| {
            let (codes, key, id) = (codes.clone(), registration.key(), registration.id);
            async move { codes.release(&key, id).await.expect("the store works") }
        })
        .await;
        assert_eq!(outcomes.into_iter().filter(|released| *released).count(), 1);
    }
}

/// Only the live record with the given id is released.
pub(crate) async fn a_release_with_another_id_or_after_expiry_does_nothing(harness: &impl Harness) {
    let codes = harness.store().codes;
    let registration = insert(harness, "CODE").await;
    let key = registration.key();
    assert!(!codes.release(&key, Uuid::from_u128(1)).await.expect("the store works"));
    let entry = codes.get(&key).await.expect("the store works").expect("it is there");
    assert_eq!(entry.state(harness.time().read()), CodeState::Pending);
    let absent = sample::registration(harness.time().read(), "ABSENT", TTL);
    assert!(!codes.release(&absent.key(), absent.id).await.expect("the store works"));
    harness.time().pass(TTL).await;
    assert!(!codes.release(&key, registration.id).await.expect("the store works"));
}

/// After a code is reused, the id of its earlier record has no effect.
pub(crate) async fn a_release_affects_only_the_current_record_of_a_code(harness: &impl Harness) {
    let codes = harness.store().codes;
    let old = insert(harness, "CODE").await;
    harness.time().pass(TTL + QUARANTINE).await;
    let new = insert(harness, "CODE").await;
    assert!(!codes.release(&old.key(), old.id).await.expect("the store works"));
    assert!(codes.release(&new.key(), new.id).await.expect("the store works"));
}

/// The same code may be in use in another environment and for another requestor.
pub(crate) async fn environments_and_requestors_do_not_share_codes(harness: &impl Harness) {
    let codes = harness.store().codes;
    let first = insert(harness, "CODE").await;
    let mut elsewhere = registration(harness.time().read(), "CODE", TTL);
    elsewhere.environment = sample::environment("staging");
    elsewhere.id = Uuid::from_u128(2);
    assert_eq!(try_insert(harness, elsewhere.clone()).await, Insertion::Inserted);
    let mut other = registration(harness.time().read(), "CODE", TTL);
    other.requestor = RequestorId::parse("requestor", "otherRequestor").expect("valid");
    other.id = Uuid::from_u128(3);
    assert_eq!(try_insert(harness, other.clone()).await, Insertion::Inserted);
    assert!(codes.release(&elsewhere.key(), elsewhere.id).await.expect("the store works"));
    for (registration, state) in
        [(first, CodeState::Pending), (elsewhere, CodeState::Released), (other, CodeState::Pending)]
    {
        let entry = codes.get(&registration.key()).await.expect("the store works").expect("there");
        assert_eq!((entry.registration.id, entry.state(harness.time().read())), (registration.id, state));
    }
}

/// The upstream decides when it reuses a code, so an adopted record replaces a live record, a tombstone and an expired record.
pub(crate) async fn an_adopted_record_replaces_any_record_of_its_code(harness: &impl Harness) {
    let codes = harness.store().codes;
    let live = insert(harness, "CODE").await;
    let mut next = sample::shadow(harness.time().read(), "CODE");
    next.id = Uuid::from_u128(1);
    codes.adopt(&next).await.expect("the store works");
    assert!(!codes.release(&live.key(), live.id).await.expect("the store works"), "it was replaced");
    assert!(codes.release(&next.key(), next.id).await.expect("the store works"));
    next.id = Uuid::from_u128(2);
    codes.adopt(&next).await.expect("the store works");
    let entry = codes.get(&next.key()).await.expect("the store works").expect("the record is there");
    assert_eq!((entry.registration.id, entry.release_time), (next.id, None));
    harness.time().pass(TTL).await;
    next.expire_time = harness.time().read() + TTL;
    codes.adopt(&next).await.expect("the store works");
    let entry = codes.get(&next.key()).await.expect("the store works").expect("the record is there");
    assert_eq!(entry.state(harness.time().read()), CodeState::Pending);
}

/// The shadow part of a record survives a reopen, and stays in the tombstone.
pub(crate) async fn a_shadow_is_read_as_it_was_adopted_and_leaves_a_tombstone(harness: &impl Harness) {
    let shadow = sample::shadow(harness.time().read(), "SHADOW");
    harness.store().codes.adopt(&shadow).await.expect("the store works");
    harness.reopen().await;
    let codes = harness.store().codes;
    let entry = codes.get(&shadow.key()).await.expect("the store works").expect("the record is there");
    assert_eq!(entry.registration, shadow);
    assert!(codes.release(&shadow.key(), shadow.id).await.expect("the store works"));
    let entry = codes.get(&shadow.key()).await.expect("the store works").expect("the tombstone is there");
    assert_eq!((entry.registration, entry.release_time), (shadow, Some(harness.time().read())));
}

/// A record and its entry are stored both or neither, whichever of them cannot be stored.
pub(crate) async fn a_record_and_its_entry_are_stored_together_or_not_at_all(harness: &impl Harness) {
    let Store { codes, ledger, .. } = harness.store();
    let now = harness.time().read();
    let (key, other) = (ledger_key("kept", "one"), ledger_key("kept", "two"));
    let kept = entry("answer", Some(now + TTL));
    let insert = async |code: &str, limit: u64, key: &LedgerKey, value: &str| {
        let record = RegistrationCode { id: id_of(value, now), ..registration(now, code, TTL) };
        let entry = entry(value, Some(now + TTL));
        let insertion = codes.insert_if_absent(&record, limit, Some((key, entry))).await;
        let stored = codes.get(&record.key()).await.expect("the store works");
        (insertion.expect("the store works"), stored.is_some_and(|stored| stored.registration == record))
    };

    assert_eq!(insert("FIRST", 1, &key, "answer").await, (Insertion::Inserted, true));
    assert_eq!(ledger.get(&key).await.expect("the store works"), Some(kept.clone()));
    // The environment is also full, and one of the codes is taken, but the existing entry takes precedence.
    for code in ["SECOND", "FIRST"] {
        assert_eq!(insert(code, 1, &key, "later").await.0, Insertion::Repeated(kept.clone()), "{code}");
    }
    assert!(matches!(insert("SECOND", 1, &other, "x").await, (Insertion::Full { .. }, false)));
    assert_eq!(insert("FIRST", 2, &other, "x").await.0, Insertion::Taken);
    assert_eq!(ledger.get(&other).await.expect("the store works"), None);
}
