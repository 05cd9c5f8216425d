//! The table of faults: for each fault of the provider, the caller gets a clear error within its deadline, and nothing leaks.

use std::time::Duration;

use passbridge::config::{BackendKind, HumanDuration};
use serde_json::{Value, json};
use tonic::Code;

use crate::support::{Bridge, create_from, raw::RawChannel, status::refused};

/// The provider's fault, and the error that the caller gets.
fn faults() -> Vec<(&'static str, Value, Code, &'static str, &'static str)> {
    let unavailable = |name, fault, text| (name, fault, Code::Unavailable, "UPSTREAM_UNAVAILABLE", text);
    vec![
        unavailable("closes the connection", json!({ "close": {} }), "connection was closed"),
        unavailable("cuts the body", json!({ "cut": {} }), "ended early"),
        unavailable("sends garbage", json!({ "garbage": {} }), "not the expected JSON"),
        unavailable("sends 10 MB of HTML", json!({ "huge": { "bytes": 10_485_760 } }), "larger than 1 MiB"),
        unavailable("redirects", json!({ "redirect": { "location": "http://127.0.0.1:1/x" } }), "redirect"),
        unavailable("does not answer in time", json!({ "hang": {} }), "did not respond in time"),
        unavailable(
            "sends times in the past",
            json!({ "merge": { "expires": 1000, "notAfter": "1000" } }),
            "already expired",
        ),
        unavailable(
            "sends a code with invalid characters",
            json!({ "merge": { "code": "../A b" } }),
            "invalid code",
        ),
        unavailable("sends a code in lower case", json!({ "merge": { "code": "abcdefg" } }), "invalid code"),
        unavailable("omits the code", json!({ "merge": { "code": null } }), "no code"),
        unavailable("omits the id", json!({ "merge": { "id": null, "sessionId": null } }), "no "),
        unavailable(
            "omits the expiry",
            json!({ "merge": { "expires": null, "notAfter": null } }),
            "no expiry",
        ),
        unavailable(
            "sends a page with 200",
            json!({ "status": { "status": 200, "content_type": "text/html", "body": "<html>" } }),
            "not the expected JSON",
        ),
    ]
}

#[tokio::test]
async fn each_fault_is_a_clear_error_within_the_callers_deadline() {
    for backend in [BackendKind::V1, BackendKind::V2] {
        let bridge = Bridge::configured(backend, |config| {
            let environment = config.environments.get_mut("default").expect("present");
            environment.upstream_timeout = HumanDuration(Duration::from_millis(500));
        })
        .await;
        bridge.created().await;
        for (index, (name, fault, code, reason, text)) in faults().into_iter().enumerate() {
            bridge.provider.clear_faults().await;
            for path in ["/reggie/", "/api/v2/"] {
                let mut fault = fault.clone();
                fault["path"] = json!(path);
                bridge.provider.fault(fault).await;
            }
            // Other tests cover the circuit breaker.
            bridge.server.clock.advance(Duration::from_secs(10));
            bridge.provider.advance(10_000).await;
            let answer = bridge.server.codes().create_registration_code(create_from(index)).await;
            let status = refused(answer, code, reason);
            assert!(status.message().contains(text), "{backend:?} {name}: {}", status.message());
            println!("{backend:?} | {name} | {code:?} {reason}: {}", status.message());
            bridge.provider.clear_faults().await;
            bridge.created_after(index).await;
        }
    }
}

impl Bridge {
    /// Asserts that a create of another device succeeds again.
    async fn created_after(&self, index: usize) {
        let answer = self.server.codes().create_registration_code(create_from(1_000 + index)).await;
        answer.expect("succeeds again");
    }
}

#[tokio::test]
async fn unknown_fields_and_other_content_types_are_tolerated() {
    for backend in [BackendKind::V1, BackendKind::V2] {
        let bridge = Bridge::over(backend).await;
        for path in ["/reggie/", "/api/v2/"] {
            let odd = json!({ "path": path, "times": 1, "merge": { "new": { "deep": [1, null] }, "info": { "new": 1 } } });
            bridge.provider.fault(odd).await;
            bridge.provider.fault(json!({ "path": path, "content_type": { "value": "text/plain" } })).await;
        }
        bridge.server.created_by(create_from(1)).await;
        bridge.server.created_by(create_from(2)).await;
    }
}

#[tokio::test]
async fn a_hanging_provider_delays_a_caller_only_until_its_deadline() {
    for backend in [BackendKind::V1, BackendKind::V2] {
        let bridge = Bridge::over(backend).await;
        bridge.created().await;
        bridge.provider.fault(json!({ "path": "/", "hang": {} })).await;
        let mut request = tonic::Request::new(create_from(1));
        request.metadata_mut().insert("grpc-timeout", "200m".parse().expect("a value"));
        let channel = RawChannel::connect(bridge.server.address()).await;
        let answer = channel.codes().create_registration_code(request).await;
        refused(answer, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    }
}

#[tokio::test]
async fn a_missing_provider_is_unavailable() {
    let bridge = Bridge::configured(BackendKind::V2, |config| {
        let environment = config.environments.get_mut("default").expect("present");
        // No server listens on the discard port.
        environment.url = Some("http://127.0.0.1:9".to_owned());
    })
    .await;
    let mut codes = bridge.server.codes();
    let answer = bridge.while_time_passes(codes.create_registration_code(create_from(1))).await;
    let status = refused(answer, Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    assert!(status.message().contains("cannot be reached"), "{}", status.message());
}
