//! The limit of live codes per environment.

use std::time::Duration;

use super::{
    Harness,
    sample::{TTL, environment, race, registration, shadow},
};
use crate::domain::{port::Insertion, registration_code::RegistrationCode};

async fn insert(
    harness: &impl Harness,
    code: &str,
    ttl: Duration,
    limit: u64,
) -> (RegistrationCode, Insertion) {
    let registration = registration(harness.time().read(), code, ttl);
    let insertion = harness.store().codes.insert_if_absent(&registration, limit, None).await;
    (registration, insertion.expect("the store works"))
}

/// The limit is exact and separate for each environment. A full environment reports when there will be room.
pub(crate) async fn an_environment_accepts_codes_up_to_its_limit(harness: &impl Harness) {
    let mut first = None;
    for index in 0..20 {
        let (registration, insertion) = insert(harness, &format!("CODE{index}"), TTL, 20).await;
        assert_eq!(insertion, Insertion::Inserted);
        first.get_or_insert(registration.expire_time);
    }
    let (refused, insertion) = insert(harness, "MORE", TTL, 20).await;
    match insertion {
        Insertion::Full { next_expiry } => {
            assert!(Some(next_expiry) >= first && next_expiry.since(harness.time().read()) <= TTL + SECOND);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(harness.store().codes.get(&refused.key()).await.expect("the store works"), None);
    let mut elsewhere = registration(harness.time().read(), "MORE", TTL);
    elsewhere.environment = environment("staging");
    let insertion = harness.store().codes.insert_if_absent(&elsewhere, 20, None).await;
    assert_eq!(insertion.expect("the store works"), Insertion::Inserted);
}

const SECOND: Duration = Duration::from_secs(1);

/// The limit holds under concurrency.
pub(crate) async fn concurrent_inserts_succeed_up_to_the_limit(harness: &impl Harness) {
    let (codes, now) = (harness.store().codes, harness.time().read());
    let outcomes = race(32, move |index| {
        let (codes, registration) = (codes.clone(), registration(now, &format!("RACE{index}"), TTL));
        async move { codes.insert_if_absent(&registration, 10, None).await.expect("the store works") }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Insertion::Inserted).count(), 10);
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Insertion::Full { .. })).count(), 22);
}

/// A tombstone is not counted.
pub(crate) async fn a_released_code_makes_room(harness: &impl Harness) {
    let (registration, _) = insert(harness, "FIRST", TTL, 1).await;
    assert!(matches!(insert(harness, "SECOND", TTL, 1).await.1, Insertion::Full { .. }));
    let released = harness.store().codes.release(&registration.key(), registration.id).await;
    assert!(released.expect("the store works"));
    assert_eq!(insert(harness, "SECOND", TTL, 1).await.1, Insertion::Inserted);
    assert!(matches!(insert(harness, "THIRD", TTL, 1).await.1, Insertion::Full { .. }));
}

/// An expired code is not counted, even during its quarantine.
pub(crate) async fn an_expired_code_makes_room(harness: &impl Harness) {
    insert(harness, "SHORT", Duration::from_secs(10), 2).await;
    insert(harness, "LONG", TTL, 2).await;
    assert!(matches!(insert(harness, "MORE", TTL, 2).await.1, Insertion::Full { .. }));
    // A store may count in whole seconds.
    harness.time().pass(Duration::from_secs(11)).await;
    assert_eq!(insert(harness, "MORE", TTL, 2).await.1, Insertion::Inserted);
    assert!(matches!(insert(harness, "MOST", TTL, 2).await.1, Insertion::Full { .. }));
}

/// The count survives a reopen, including earlier releases, and expiries before and after it.
pub(crate) async fn the_limit_holds_after_a_reopen(harness: &impl Harness) {
    let (released, _) = insert(harness, "RELEASED", TTL, 5).await;
    insert(harness, "SHORT", Duration::from_secs(10), 5).await;
    insert(harness, "SHORTER", Duration::from_secs(5), 5).await;
    insert(harness, "LONG", TTL, 5).await;
    insert(harness, "LONGEST", Duration::from_secs(36_000), 5).await;
    assert!(harness.store().codes.release(&released.key(), released.id).await.expect("the store works"));
    harness.time().pass(Duration::from_secs(6)).await;
    if !harness.reopen().await {
        return;
    }
    // Live are SHORT, LONG and LONGEST.
    assert_eq!(insert(harness, "FOURTH", TTL, 4).await.1, Insertion::Inserted);
    assert!(matches!(insert(harness, "FIFTH", TTL, 4).await.1, Insertion::Full { .. }));
    harness.time().pass(SECOND * 5).await;
    assert_eq!(insert(harness, "FIFTH", TTL, 4).await.1, Insertion::Inserted);
    assert!(matches!(insert(harness, "SIXTH", TTL, 4).await.1, Insertion::Full { .. }));
}

/// If the store reports the number of live codes, it is the number that the limit uses.
pub(crate) async fn live_codes_are_counted_by_environment(harness: &impl Harness) {
    for index in 0..3 {
        insert(harness, &format!("CODE{index}"), TTL, 10).await;
    }
    let mut elsewhere = registration(harness.time().read(), "CODE", SECOND);
    elsewhere.environment = environment("staging");
    let codes = harness.store().codes;
    codes.insert_if_absent(&elsewhere, 10, None).await.expect("the store works");
    let counts = async || {
        let live = codes.live_codes().await.expect("the store works");
        ["default", "staging"].map(|name| {
            live.iter().find(|(found, _)| *found == environment(name)).map_or(0, |(_, live)| *live)
        })
    };
    if codes.live_codes().await.expect("the store works").is_empty() {
        return;
    }
    assert_eq!(counts().await, [3, 1]);
    harness.time().pass(SECOND * 2).await;
    assert_eq!(counts().await, [3, 0]);
}

/// Adopted codes are counted like others, and a record that replaces another one is counted once.
pub(crate) async fn an_adopted_code_counts_once(harness: &impl Harness) {
    let store = harness.store();
    let first = shadow(harness.time().read(), "SHADOW");
    for number in 0..3 {
        let mut next = first.clone();
        next.id = uuid::Uuid::from_u128(number);
        store.codes.adopt(&next).await.expect("the store works");
    }
    let live = store.codes.live_codes().await.expect("the store works");
    assert_eq!(live, [(first.environment.clone(), 1)]);
}
