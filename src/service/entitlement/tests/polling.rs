//! Tests of the rate of upstream calls for devices that poll every second.

use std::collections::HashMap;

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::task::coop::unconstrained;

use super::*;
use crate::domain::clock::MonotonicInstant;

const SECOND: Duration = Duration::from_secs(1);

async fn poll_for(fixture: &EntitlementFixture, device: &str, seconds: u32) -> usize {
    fixture.take_calls();
    for _ in 0..seconds {
        let _ = fixture.check(device).await;
        fixture.clock.advance(SECOND);
    }
    fixture.take_calls().len()
}

#[tokio::test]
async fn a_device_without_a_login_in_progress_is_checked_every_30_seconds() {
    let fixture = fixture();
    assert_eq!(poll_for(&fixture, "tv", 60).await, 2);
    fixture.code("waiting").await;
    assert_eq!(poll_for(&fixture, "waiting", 60).await, 2);
}

#[tokio::test]
async fn a_device_with_a_login_in_progress_is_checked_every_4_seconds() {
    let fixture = fixture();
    let code = fixture.code("tv").await;
    assert!(is_not_found(&fixture.check("tv").await));
    fixture.start(&code).await;
    fixture.clock.advance(4 * SECOND);
    assert_eq!(poll_for(&fixture, "tv", 60).await, 15);
}

#[tokio::test]
async fn a_logged_in_device_is_checked_every_minute() {
    let fixture = fixture();
    fixture.provider.log_in("tv", "Cable", MONTH);
    assert_eq!(poll_for(&fixture, "tv", 180).await, 3);
    assert_eq!(*fixture.counted.0.lock().expect("not poisoned"), [177, 3], "each check is counted once");
}

#[tokio::test]
async fn concurrent_polls_share_one_upstream_call() {
    let fixture = fixture();
    fixture.provider.log_in("tv", "Cable", MONTH);
    fixture.provider.state().latency = Duration::from_millis(50);
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let (service, device) = (fixture.service.clone(), fixture.device("tv"));
            tokio::spawn(async move { service.check_login(&Caller::anonymous(), device).await })
        })
        .collect();
    tokio::task::yield_now().await;
    fixture.clock.advance(Duration::from_millis(50));
    for answer in asking {
        assert!(answer.await.expect("ends").is_ok());
    }
    assert_eq!(fixture.take_calls(), ["profiles"]);
}

/// Devices that poll every second, each from its own address, at an upstream that takes 50 ms per call.
async fn poll_with(devices: u32, seconds: u32) {
    let fixture = fixture();
    {
        let mut state = fixture.provider.state();
        (state.latency, state.keeps_pace) = (Duration::from_millis(50), true);
    }
    let step = Duration::from_millis(10);
    let per_step = devices.div_ceil(100);
    let mut under_way = FuturesUnordered::new();
    let (mut refused, mut calls) = (0, 0_usize);
    let mut last: HashMap<Address, MonotonicInstant> = HashMap::new();
    let mut fastest = Duration::MAX;
    for tick in 0..seconds * 100 {
        let first = (tick % 100) * per_step;
        for number in first..(first + per_step).min(devices) {
            let address = std::net::Ipv4Addr::from(0x0a00_0000 + number).to_string();
            let device =
                DeviceContext { ip: address.parse().ok(), ..fixture.device(&format!("tv {number}")) };
            let service = fixture.service.clone();
            // All calls run in this task, which soon uses up the budget that tokio gives a task before it has to yield.
            under_way
                .push(unconstrained(async move { service.check_login(&Caller::anonymous(), device).await }));
        }
        while let std::task::Poll::Ready(Some(answer)) = futures_util::poll!(under_way.next()) {
            refused += usize::from(!is_not_found(&answer));
        }
        for call in std::mem::take(&mut fixture.provider.state().calls) {
            calls += 1;
            let Some(address) = call.subject.and_then(|subject| subject.address) else { continue };
            if let Some(before) = last.insert(address, call.time) {
                fastest = fastest.min(call.time.since(before));
            }
        }
        fixture.clock.advance(step);
    }
    let most = fixture.provider.state().most_under_way;
    println!("{devices} devices, {seconds} s: {calls} calls, {most} at once, {fastest:?} apart at least");
    assert_eq!(refused, 0, "a poll was rejected");
    assert!(fastest >= SECOND, "{fastest:?}");
    assert!(calls as u64 >= u64::from(devices), "the upstream is called for each device: {calls} calls");
    assert!(calls as u64 <= u64::from(devices) * u64::from(seconds.div_ceil(30)), "{calls} calls");
}

#[tokio::test]
async fn many_polling_devices_stay_within_the_upstreams_rate_limit() {
    poll_with(1_000, 40).await;
}

#[tokio::test]
#[ignore = "takes minutes; for the figures of docs/scale.md, in release"]
async fn polling_devices_100_000() {
    poll_with(100_000, 65).await;
}
