//! Creates that are given up while the provider lets them wait.

use std::time::Duration;

use futures_util::future::join_all;
use passbridge::config::BackendKind;
use serde_json::json;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::support::{Bridge, create_from, raw::RawChannel, status::refused};

/// What is allowed in a minute, and one more that may begin before the last one is counted.
const GIVEN_UP: std::ops::RangeInclusive<usize> = 60..=61;

async fn before_a_provider_that_hangs() -> Bridge {
    let bridge = Bridge::over(BackendKind::V2).await;
    bridge.created().await;
    bridge.provider.forget_calls().await;
    bridge.provider.fault(json!({ "path": "/api/v2/", "hang": {} })).await;
    bridge
}

#[track_caller]
fn assert_refused_for_what_was_given_up(refusal: Status) -> Duration {
    let status = refused::<()>(Err(refusal), Code::ResourceExhausted, "THROTTLED");
    let info = status.get_details_error_info().expect("carries ErrorInfo");
    assert_eq!(info.metadata["limit"], "abandoned_creates");
    status.get_details_retry_info().expect("carries RetryInfo").retry_delay.expect("says when")
}

#[tokio::test]
async fn sixty_creates_per_minute_may_be_cancelled_before_more_are_refused() {
    let bridge = before_a_provider_that_hangs().await;
    let codes = bridge.server.codes();
    let (mut given_up, mut refusal) = (0, None);
    while refusal.is_none() {
        let mut codes = codes.clone();
        let mut call = Box::pin(codes.create_registration_code(create_from(given_up)));
        // Only what is under way at the provider is certainly before its answer.
        while bridge.provider.calls_to("/api/v2/").await.len() <= given_up && refusal.is_none() {
            if let std::task::Poll::Ready(answer) = futures_util::poll!(call.as_mut()) {
                refusal = Some(answer.expect_err("the provider hangs"));
            }
        }
        given_up += usize::from(refusal.is_none());
    }
    assert!(GIVEN_UP.contains(&given_up), "{given_up}");
    let delay = assert_refused_for_what_was_given_up(refusal.expect("present"));
    bridge.provider.mend().await;
    bridge.advance(delay).await;
    bridge.server.created_by(create_from(100)).await;
}

/// A create whose caller waits for this long.
async fn hasty(channel: &RawChannel, device: usize, patience: &str) -> Status {
    let mut request = Request::new(create_from(device));
    request.metadata_mut().insert("grpc-timeout", patience.parse().expect("a value"));
    channel.codes().create_registration_code(request).await.expect_err("the provider hangs")
}

#[tokio::test]
async fn a_create_whose_deadline_passes_counts_as_abandoned() {
    let bridge = before_a_provider_that_hangs().await;
    let channel = RawChannel::connect(bridge.server.address()).await;
    let first = join_all((0..60).map(|device| hasty(&channel, device, "100m"))).await;
    assert!(first.iter().all(|status| status.code() == Code::DeadlineExceeded), "{first:?}");
    let refusal = match hasty(&channel, 60, "100m").await {
        early if early.code() == Code::DeadlineExceeded => hasty(&channel, 61, "100m").await,
        refusal => refusal,
    };
    assert_refused_for_what_was_given_up(refusal);
}

#[tokio::test]
async fn abandoned_creates_of_an_outage_lock_clients_out_only_briefly() {
    let bridge = before_a_provider_that_hangs().await;
    let channel = RawChannel::connect(bridge.server.address()).await;
    join_all((0..500).map(|device| hasty(&channel, device, "200m"))).await;
    let delay = assert_refused_for_what_was_given_up(hasty(&channel, 500, "200m").await);
    assert!(delay <= Duration::from_secs(60), "{delay:?}");
    bridge.provider.mend().await;
    bridge.advance(delay).await;
    bridge.server.created_by(create_from(501)).await;
}
