//! Rate limits.

use std::time::Duration;

use super::{
    Harness,
    sample::{environment, race},
};
use crate::domain::{
    address_block::AddressBlock,
    limit::{Limit, LimitKey, LimitResult, Rate},
};

const SECOND: Duration = Duration::from_secs(1);

fn limit(name: &str, burst: u32) -> Limit {
    Limit { key: LimitKey::MissesOfCaller(name.into()), rate: Rate::new(1, SECOND, burst) }
}

async fn take(harness: &impl Harness, limit: &Limit) -> LimitResult {
    harness.store().limits.take(limit).await.expect("the store works")
}

async fn admit(harness: &impl Harness, limits: &[Limit]) -> LimitResult {
    harness.store().limits.admit(limits).await.expect("the store works")
}

async fn charge(harness: &impl Harness, limits: &[Limit]) {
    harness.store().limits.charge(limits).await.expect("the store works");
}

/// A refused call reports when the next one passes, and it passes then.
pub(crate) async fn a_burst_is_followed_by_one_call_per_interval(harness: &impl Harness) {
    let limit = limit("name", 10);
    for call in 0..10 {
        assert_eq!(take(harness, &limit).await, Ok(()), "call {call}");
    }
    assert_eq!(take(harness, &limit).await, Err(SECOND));
    assert_eq!(take(harness, &limit).await, Err(SECOND), "a refused call is not counted");
    harness.time().pass(SECOND).await;
    assert_eq!(take(harness, &limit).await, Ok(()));
    assert_eq!(take(harness, &limit).await, Err(SECOND));
    harness.time().pass(SECOND * 60).await;
    for call in 0..10 {
        assert_eq!(take(harness, &limit).await, Ok(()), "call {call} after a while");
    }
    assert_eq!(take(harness, &limit).await, Err(SECOND), "at most one burst accumulates");
}

/// A check does not reserve the room that it finds.
pub(crate) async fn checking_a_limit_uses_no_capacity(harness: &impl Harness) {
    let limit = limit("name", 1);
    for _ in 0..3 {
        assert_eq!(admit(harness, std::slice::from_ref(&limit)).await, Ok(()));
    }
    assert_eq!(take(harness, &limit).await, Ok(()));
    assert_eq!(admit(harness, &[limit]).await, Err(SECOND));
}

/// The longest wait of several limits applies, and a charge counts against each of them.
pub(crate) async fn several_limits_must_all_have_room(harness: &impl Harness) {
    let limits = [limit("one", 3), limit("two", 2), limit("three", 1)];
    charge(harness, &limits).await;
    assert_eq!(admit(harness, &limits[..2]).await, Ok(()));
    assert_eq!(admit(harness, &limits).await, Err(SECOND));
    charge(harness, &limits).await;
    assert_eq!(admit(harness, &limits).await, Err(SECOND * 2));
    assert_eq!(admit(harness, &limits[..2]).await, Err(SECOND));
    assert_eq!(admit(harness, &limits[..1]).await, Ok(()));
}

/// A charge always counts, so the average rate is never exceeded.
pub(crate) async fn excess_charges_must_drain_first(harness: &impl Harness) {
    let limit = [limit("name", 5)];
    for _ in 0..8 {
        charge(harness, &limit).await;
    }
    assert_eq!(admit(harness, &limit).await, Err(SECOND * 4));
    harness.time().pass(SECOND * 3).await;
    assert_eq!(admit(harness, &limit).await, Err(SECOND));
    harness.time().pass(SECOND).await;
    assert_eq!(admit(harness, &limit).await, Ok(()));
}

/// Reservations are spaced by the interval. A reservation that would have to wait too long is refused and not counted.
pub(crate) async fn each_reservation_gets_its_own_time_or_is_refused(harness: &impl Harness) {
    let (limits, limit) = (harness.store().limits, limit("name", 2));
    let mut waits = Vec::new();
    for _ in 0..5 {
        waits.push(limits.reserve(&limit, SECOND * 2).await.expect("the store works"));
    }
    assert_eq!(waits, [Ok(Duration::ZERO), Ok(Duration::ZERO), Ok(SECOND), Ok(SECOND * 2), Err(SECOND * 3)]);
    harness.time().pass(SECOND).await;
    let wait = limits.reserve(&limit, SECOND * 2).await.expect("the store works");
    assert_eq!(wait, Ok(SECOND * 2), "a refused reservation is not counted");
}

/// A limit holds under concurrency.
pub(crate) async fn concurrent_takes_succeed_up_to_the_limit(harness: &impl Harness) {
    let limits = harness.store().limits;
    let rooms = race(16, move |_| {
        let limits = limits.clone();
        async move { limits.take(&limit("race", 10)).await.expect("the store works") }
    })
    .await;
    assert_eq!(rooms.iter().filter(|room| room.is_ok()).count(), 10);
}

/// A stricter limit with the same key counts what was taken under the wider limit.
pub(crate) async fn a_bucket_supports_different_bursts(harness: &impl Harness) {
    let (wide, strict) = (limit("name", 9), [limit("name", 2)]);
    assert_eq!(take(harness, &wide).await, Ok(()));
    assert_eq!(admit(harness, &strict).await, Ok(()));
    assert_eq!(take(harness, &wide).await, Ok(()));
    assert_eq!(admit(harness, &strict).await, Err(SECOND));
    assert_eq!(take(harness, &wide).await, Ok(()));
}

/// Using up one limit does not affect another, of the same kind or of any other.
pub(crate) async fn limits_are_independent(harness: &impl Harness) {
    let address = "2001:db8::1".parse().expect("an address");
    let (block, rate) = (AddressBlock::of_line(address), Rate::new(1, SECOND, 1));
    let keys = [
        LimitKey::Calls(block),
        LimitKey::GrpcCalls(block),
        LimitKey::Creates(block, 1),
        LimitKey::Creates(block, 2),
        LimitKey::AbandonedCreates(None, block),
        LimitKey::AbandonedCreates(Some("one".into()), block),
        LimitKey::AbandonedCreates(Some("two".into()), block),
        LimitKey::MissesOfLine(block),
        LimitKey::MissesOfSite(block),
        LimitKey::MissesOfNetwork(block),
        LimitKey::MissesOfCaller("one".into()),
        LimitKey::MissesOfCaller("two".into()),
        LimitKey::UpstreamCalls(environment("default"), address),
        LimitKey::UpstreamCalls(environment("staging"), address),
        LimitKey::KeyReadings("one".into()),
        LimitKey::KeyReadings("two".into()),
        LimitKey::AuditedRefusals,
    ];
    for key in keys {
        let limit = Limit { key, rate };
        assert_eq!(take(harness, &limit).await, Ok(()), "{limit:?}");
        assert_eq!(take(harness, &limit).await, Err(SECOND), "{limit:?}");
    }
}
