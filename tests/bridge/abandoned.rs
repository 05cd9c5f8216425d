//! Creates that are abandoned while the provider delays its response.

use std::time::Duration;

use futures_util::future::join_all;
use passbridge::config::BackendKind;
use serde_json::json;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::support::{Bridge, create_from, raw::RawChannel, status::refused};

/// The number of creates allowed in a minute, and one more that may start before the last one is counted.
const ABANDONED: std::ops::RangeInclusive<usize> = 60..=61;

async fn with_hanging_provider() -> Bridge {
    let bridge = Bridge::over(BackendKind::V2).await;
    bridge.created().await;
    bridge.provider.forget_calls().await;
    bridge.provider.fault(json!({ "path": "/api/v2/", "hang": {} })).await;
    bridge
}

#[track_caller]
fn assert_abandoned_limit(refusal: Status) -> Duration {
    let status = refused::<()>(Err(refusal), Code::ResourceExhausted, "THROTTLED");
    let info = status.get_details_error_info().expect("carries ErrorInfo");
    assert_eq!(info.metadata["limit"], "abandoned_creates");
    status.get_details_retry_info().expect("carries RetryInfo").retry_delay.expect("says when")
}

#[tokio::test]
async fn sixty_creates_per_minute_may_be_cancelled_before_more_are_refused() {
    let bridge = with_hanging_provider().await;
    let codes = bridge.server.codes();
    let (mut abandoned, mut refusal) = (0, None);
    while refusal.is_none() {
        let mut codes = codes.clone();
        let mut call = Box::pin(codes.create_registration_code(create_from(abandoned)));
        // A call that has reached the provider certainly has no response yet.
        while bridge.provider.calls_to("/api/v2/").await.len() <= abandoned && refusal.is_none() {
            if let std::task::Poll::Ready(answer) = futures_util::poll!(call.as_mut()) {
                refusal = Some(answer.expect_err("the provider hangs"));
            }
        }
        abandoned += usize::from(refusal.is_none());
    }
    assert!(ABANDONED.contains(&abandoned), "{abandoned}");
    let delay = assert_abandoned_limit(refusal.expect("present"));
    bridge.provider.clear_faults().await;
    bridge.advance(delay).await;
    bridge.server.created_by(create_from(100)).await;
}

/// A create with this deadline.
async fn hasty(channel: &RawChannel, device: usize, patience: &str) -> Status {
    let mut request = Request::new(create_from(device));
    request.metadata_mut().insert("grpc-timeout", patience.parse().expect("a value"));
    channel.codes().create_registration_code(request).await.expect_err("the provider hangs")
}

#[tokio::test]
async fn a_create_whose_deadline_passes_counts_as_abandoned() {
    let bridge = with_hanging_provider().await;
    let channel = RawChannel::connect(bridge.server.address()).await;
    let first = join_all((0..60).map(|device| hasty(&channel, device, "100m"))).await;
    assert!(first.iter().all(|status| status.code() == Code::DeadlineExceeded), "{first:?}");
    let refusal = match hasty(&channel, 60, "100m").await {
        early if early.code() == Code::DeadlineExceeded => hasty(&channel, 61, "100m").await,
        refusal => refusal,
    };
    assert_abandoned_limit(refusal);
}

#[tokio::test]
async fn abandoned_creates_of_an_outage_lock_clients_out_only_briefly() {
    let bridge = with_hanging_provider().await;
    let channel = RawChannel::connect(bridge.server.address()).await;
    join_all((0..500).map(|device| hasty(&channel, device, "200m"))).await;
    let delay = assert_abandoned_limit(hasty(&channel, 500, "200m").await);
    assert!(delay <= Duration::from_secs(60), "{delay:?}");
    bridge.provider.clear_faults().await;
    bridge.advance(delay).await;
    bridge.server.created_by(create_from(501)).await;
}
