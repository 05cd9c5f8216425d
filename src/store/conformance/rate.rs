//! How often something may be done.

use std::time::Duration;

use super::{
    Harness,
    sample::{environment, race},
};
use crate::domain::{
    address_block::AddressBlock,
    limit::{Limit, LimitKey, Rate, Room},
};

const SECOND: Duration = Duration::from_secs(1);

fn limit(name: &str, burst: u32) -> Limit {
    Limit { key: LimitKey::MissesOfCaller(name.into()), rate: Rate::new(1, SECOND, burst) }
}

async fn take(harness: &impl Harness, limit: &Limit) -> Room {
    harness.store().limits.take(limit).await.expect("the store works")
}

async fn admit(harness: &impl Harness, limits: &[Limit]) -> Room {
    harness.store().limits.admit(limits).await.expect("the store works")
}

async fn charge(harness: &impl Harness, limits: &[Limit]) {
    harness.store().limits.charge(limits).await.expect("the store works");
}

/// Who is too fast is told when the next one passes, and it does then.
pub(crate) async fn a_burst_passes_and_then_one_at_each_interval(harness: &impl Harness) {
    let limit = limit("name", 10);
    for call in 0..10 {
        assert_eq!(take(harness, &limit).await, Ok(()), "call {call}");
    }
    assert_eq!(take(harness, &limit).await, Err(SECOND));
    assert_eq!(take(harness, &limit).await, Err(SECOND), "what was refused was not put in");
    harness.time().pass(SECOND).await;
    assert_eq!(take(harness, &limit).await, Ok(()));
    assert_eq!(take(harness, &limit).await, Err(SECOND));
    harness.time().pass(SECOND * 60).await;
    for call in 0..10 {
        assert_eq!(take(harness, &limit).await, Ok(()), "call {call} after a while");
    }
    assert_eq!(take(harness, &limit).await, Err(SECOND), "no more than a burst is saved up");
}

/// Who looks whether there is room leaves it to others.
pub(crate) async fn to_ask_takes_nothing(harness: &impl Harness) {
    let limit = limit("name", 1);
    for _ in 0..3 {
        assert_eq!(admit(harness, std::slice::from_ref(&limit)).await, Ok(()));
    }
    assert_eq!(take(harness, &limit).await, Ok(()));
    assert_eq!(admit(harness, &[limit]).await, Err(SECOND));
}

/// Of several limits the one with the longest wait decides, and a charge counts in each.
pub(crate) async fn several_limits_have_to_have_room_together(harness: &impl Harness) {
    let limits = [limit("one", 3), limit("two", 2), limit("three", 1)];
    charge(harness, &limits).await;
    assert_eq!(admit(harness, &limits[..2]).await, Ok(()));
    assert_eq!(admit(harness, &limits).await, Err(SECOND));
    charge(harness, &limits).await;
    assert_eq!(admit(harness, &limits).await, Err(SECOND * 2));
    assert_eq!(admit(harness, &limits[..2]).await, Err(SECOND));
    assert_eq!(admit(harness, &limits[..1]).await, Ok(()));
}

/// A charge always counts, so that the rate holds in the long run.
pub(crate) async fn what_is_above_a_limit_is_waited_for(harness: &impl Harness) {
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

/// Those who may wait do so one behind the other, and who cannot wait so long takes no turn.
pub(crate) async fn who_reserves_is_told_a_time_of_its_own_or_refused(harness: &impl Harness) {
    let (limits, limit) = (harness.store().limits, limit("name", 2));
    let mut waits = Vec::new();
    for _ in 0..5 {
        waits.push(limits.reserve(&limit, SECOND * 2).await.expect("the store works"));
    }
    assert_eq!(waits, [Ok(Duration::ZERO), Ok(Duration::ZERO), Ok(SECOND), Ok(SECOND * 2), Err(SECOND * 3)]);
    harness.time().pass(SECOND).await;
    let wait = limits.reserve(&limit, SECOND * 2).await.expect("the store works");
    assert_eq!(wait, Ok(SECOND * 2), "what was refused was not put in");
}

/// A limit holds under concurrency.
pub(crate) async fn of_many_concurrent_takes_as_many_pass_as_there_is_room_for(harness: &impl Harness) {
    let limits = harness.store().limits;
    let rooms = race(16, move |_| {
        let limits = limits.clone();
        async move { limits.take(&limit("race", 10)).await.expect("the store works") }
    })
    .await;
    assert_eq!(rooms.iter().filter(|room| room.is_ok()).count(), 10);
}

/// A stricter question about the same key counts what was taken at the wider limit.
pub(crate) async fn a_bucket_may_be_asked_about_by_different_bursts(harness: &impl Harness) {
    let (wide, strict) = (limit("name", 9), [limit("name", 2)]);
    assert_eq!(take(harness, &wide).await, Ok(()));
    assert_eq!(admit(harness, &strict).await, Ok(()));
    assert_eq!(take(harness, &wide).await, Ok(()));
    assert_eq!(admit(harness, &strict).await, Err(SECOND));
    assert_eq!(take(harness, &wide).await, Ok(()));
}

/// What is used up for one is there for another, of the same kind and of every other one.
pub(crate) async fn limits_share_nothing(harness: &impl Harness) {
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
