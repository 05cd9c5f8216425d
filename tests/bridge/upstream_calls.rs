//! passbridge as a well-behaved client: pacing, retries, circuit breaker, deadlines.

use std::time::Duration;

use passbridge::{
    config::BackendKind,
    domain::clock::Clock,
    proto::v1::{
        CreateRegistrationCodeRequest, GetRegistrationCodeRequest, ResetTempPassRequest,
        reset_temp_pass_request,
    },
};
use serde_json::json;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::support::{
    Bridge, DEVICE_IP, create, create_from, eventually,
    raw::RawChannel,
    request::get,
    status::{refused, violated},
};

#[tokio::test]
async fn requests_of_a_device_are_paced_and_never_get_429() {
    let bridge = Bridge::over(BackendKind::V1).await;
    let calls = (0..15).map(|_| {
        let mut codes = bridge.server.codes();
        async move { codes.create_registration_code(create()).await }
    });
    let answers = bridge.while_time_passes(futures_util::future::join_all(calls)).await;
    for answer in answers {
        answer.expect("creates");
    }
    let calls = bridge.provider.calls_to("/reggie/").await;
    assert_eq!(calls.len(), 15, "{:?}", calls.iter().map(|call| &call["status"]).collect::<Vec<_>>());
    assert!(
        calls.iter().all(|call| call["status"] == 201),
        "calls over the provider's limit wait in passbridge"
    );
    assert!(calls.iter().all(|call| call["headers"]["x-forwarded-for"] == DEVICE_IP));
}

#[tokio::test]
async fn an_ipv4_mapped_address_is_the_same_device_at_the_provider() {
    for backend in [BackendKind::V1, BackendKind::V2] {
        let bridge = Bridge::over(backend).await;
        let device_ip = format!("::ffff:{DEVICE_IP}");
        bridge.server.created_by(CreateRegistrationCodeRequest { device_ip, ..create() }).await;
        let calls = [bridge.provider.calls_to("/reggie/").await, bridge.provider.calls_to("/api/v2/").await];
        let addresses: Vec<_> =
            calls.iter().flatten().map(|call| &call["headers"]["x-forwarded-for"]).collect();
        assert_eq!(addresses, [DEVICE_IP], "{backend:?}");
    }
}

#[tokio::test]
async fn a_caller_with_too_short_a_deadline_gets_the_pacing_delay() {
    let bridge = Bridge::over(BackendKind::V2).await;
    for _ in 0..9 {
        bridge.created().await;
    }
    let mut request = tonic::Request::new(create());
    request.metadata_mut().insert("grpc-timeout", "500m".parse().expect("a value"));
    let answer = bridge.server.codes().create_registration_code(request).await;
    let status = refused(answer, Code::ResourceExhausted, "UPSTREAM_THROTTLED");
    let retry = tonic_types::StatusExt::get_details_retry_info(&status).expect("present").retry_delay;
    assert_eq!(retry, Some(Duration::from_secs(1)));
    assert_eq!(bridge.provider.calls_to("/api/v2/").await.len(), 9, "the call never reaches the provider");
}

#[tokio::test]
async fn a_429_is_retried_after_its_delay() {
    for backend in [BackendKind::V1, BackendKind::V2] {
        let bridge = Bridge::over(backend).await;
        warm(&bridge).await;
        let headers = json!({ "retry-after": "3" });
        let page =
            json!({ "status": 429, "content_type": "text/html", "body": "<html>", "headers": headers });
        for path in ["/reggie/", "/api/v2/"] {
            bridge.provider.fault(json!({ "path": path, "times": 1, "status": page })).await;
        }
        let began = bridge.server.clock.now();
        let mut codes = bridge.server.codes();
        let answer = bridge.while_time_passes(codes.create_registration_code(create())).await;
        answer.expect("creates after a delay");
        assert!(
            bridge.server.clock.now().since(began) >= Duration::from_secs(3),
            "waits for the announced delay"
        );
    }
}

/// Makes enough calls for the retry budget to allow retries.
async fn warm(bridge: &Bridge) {
    for device in 0..20 {
        bridge.server.created_by(create_from(100 + device)).await;
    }
    bridge.provider.forget_calls().await;
}

#[tokio::test]
async fn a_read_is_retried_and_a_create_is_not() {
    for backend in [BackendKind::V1, BackendKind::V2] {
        let bridge = Bridge::over(backend).await;
        warm(&bridge).await;
        let created = bridge.created().await;
        for path in ["/reggie/", "/api/v2/"] {
            bridge.provider.fault(json!({ "path": path, "method": "GET", "times": 1, "close": {} })).await;
            bridge.provider.fault(json!({ "path": path, "method": "POST", "times": 1, "close": {} })).await;
        }
        let mut codes = bridge.server.codes();
        let read = bridge.while_time_passes(codes.get_registration_code(get(&created.code))).await;
        read.expect("the retry succeeds");
        bridge.provider.forget_calls().await;
        let answer = bridge.server.codes().create_registration_code(create_from(1)).await;
        refused(answer, Code::Unavailable, "UPSTREAM_UNAVAILABLE");
        let creates = bridge.provider.calls().await;
        assert_eq!(
            creates.iter().filter(|call| call["method"] == "POST").count(),
            1,
            "{backend:?}: a create may have been executed"
        );
    }
}

#[tokio::test]
async fn retries_do_not_multiply_calls_during_an_outage() {
    for fault in [
        json!({ "status": { "status": 500, "content_type": "text/html", "body": "" } }),
        json!({ "close": {} }),
        json!({ "status": { "status": 429, "content_type": "text/html", "body": "" } }),
        json!({ "status": { "status": 401, "content_type": "application/json", "body": "{}" } }),
    ] {
        let bridge = Bridge::over(BackendKind::V2).await;
        bridge.created().await;
        let mut fault_everywhere = fault.clone();
        fault_everywhere["path"] = json!("/");
        bridge.provider.fault(fault_everywhere).await;
        bridge.provider.forget_calls().await;
        let callers = 300;
        // Each call is from its own device, because pacing would delay calls of one device.
        let calls = (0..callers).map(|device| {
            let mut codes = bridge.server.codes();
            let request =
                GetRegistrationCodeRequest { viewer_ip: create_from(device).device_ip, ..get("BBBBBBB") };
            async move { codes.get_registration_code(request).await }
        });
        let all = futures_util::future::join_all(calls);
        let answers = bridge.while_time_passes(all).await;
        assert!(answers.iter().all(Result::is_err), "{fault}");
        let made = bridge.provider.calls().await.len();
        assert!(made * 10 <= callers * 12, "{made} upstream calls for {callers} callers during {fault}");
    }
}

#[tokio::test]
async fn repeated_failures_open_the_circuit_breaker_and_health_shows_it() {
    let bridge = Bridge::over(BackendKind::V2).await;
    bridge.created().await;
    let mut health = HealthClient::new(bridge.server.channel());
    let mut status = async || {
        let request = HealthCheckRequest { service: "upstream/default".to_owned() };
        health.check(request).await.expect("is known").into_inner().status()
    };
    assert_eq!(status().await, ServingStatus::Serving);

    bridge.provider.fault(json!({ "path": "/api/v2/", "close": {} })).await;
    for device in 0..10 {
        let answer = bridge.server.codes().create_registration_code(create_from(device)).await;
        refused(answer, Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    }
    bridge.provider.forget_calls().await;
    let answer = bridge.server.codes().create_registration_code(create_from(20)).await;
    let refusal = refused(answer, Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    assert!(refusal.message().contains("circuit breaker"), "{}", refusal.message());
    assert_eq!(bridge.provider.calls().await.len(), 0);
    eventually(async || status().await == ServingStatus::NotServing).await;

    bridge.provider.clear_faults().await;
    // The backoff with maximum jitter.
    bridge.advance(Duration::from_millis(7_500)).await;
    bridge.server.created_by(create_from(21)).await;
    eventually(async || status().await == ServingStatus::Serving).await;
}

#[tokio::test]
async fn the_callers_trace_context_is_forwarded() {
    let bridge = Bridge::over(BackendKind::V1).await;
    let mut request = tonic::Request::new(create());
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    request.metadata_mut().insert("traceparent", parent.parse().expect("a value"));
    request.metadata_mut().insert("tracestate", "vendor=1".parse().expect("a value"));
    bridge.server.codes().create_registration_code(request).await.expect("creates");
    let calls = bridge.provider.calls_to("/reggie/").await;
    assert_eq!(
        (&calls[0]["headers"]["traceparent"], &calls[0]["headers"]["tracestate"]),
        (&json!(parent), &json!("vendor=1"))
    );
}

#[tokio::test]
async fn every_upstream_call_has_the_user_agent_of_the_device_or_this_server() {
    for backend in [BackendKind::V1, BackendKind::V2] {
        let bridge = Bridge::over(backend).await;
        let devices = ["Roku/DVP-12.0 (062.00E04156A)", "Télé/1.0"];
        for (device, user_agent) in ["", devices[0], "  ", devices[1]].into_iter().enumerate() {
            let user_agent = user_agent.to_owned();
            let created =
                bridge.server.created_by(CreateRegistrationCodeRequest { user_agent, ..create_from(device) });
            let code = created.await.code;
            bridge.server.codes().get_registration_code(get(&code)).await.expect("reads");
        }
        let own = concat!("passbridge/", env!("CARGO_PKG_VERSION"));
        let calls = bridge.provider.calls().await;
        let user_agents = calls.iter().map(|call| call["headers"]["user-agent"].as_str().unwrap_or("none"));
        let of_devices: Vec<_> = user_agents.filter(|user_agent| *user_agent != own).collect();
        assert_eq!(of_devices, devices, "creates have the device's User-Agent, other calls have ours");
    }
}

#[tokio::test]
async fn a_disconnected_caller_cancels_the_upstream_call() {
    let bridge = Bridge::configured(BackendKind::V1, |config| {
        config.environments.get_mut("default").expect("present").upstream_connections = 1;
    })
    .await;
    bridge.created().await;
    bridge.provider.fault(json!({ "path": "/reggie/", "times": 1, "hang": {} })).await;
    bridge.provider.forget_calls().await;
    {
        let mut codes = bridge.server.codes();
        let call = codes.create_registration_code(create_from(1));
        futures_util::pin_mut!(call);
        while bridge.provider.calls().await.is_empty() {
            assert!(futures_util::poll!(&mut call).is_pending());
        }
    }
    // Only one upstream call is allowed at a time, so the next caller would wait for it.
    bridge.server.created_by(create_from(2)).await;
}

#[tokio::test]
async fn a_device_that_calls_in_a_loop_does_not_block_others() {
    let bridge = Bridge::over(BackendKind::V1).await;
    bridge.created().await;
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let mut codes = bridge.server.codes();
            tokio::spawn(async move { codes.create_registration_code(create()).await })
        })
        .collect();
    bridge.server.created_by(create_from(1)).await;
    let answers = bridge.while_time_passes(futures_util::future::join_all(calls)).await;
    let created = answers.iter().filter(|answer| answer.as_ref().expect("runs").is_ok()).count();
    assert!((25..=35).contains(&created), "as many as pacing allows within the maximum wait: {created}");
}

#[tokio::test]
async fn short_deadlines_do_not_open_the_circuit_breaker() {
    let bridge = Bridge::over(BackendKind::V2).await;
    bridge.created().await;
    bridge.provider.fault(json!({ "path": "/api/v2/", "delay": { "ms": 300 } })).await;
    for device in 0..12 {
        let mut request = tonic::Request::new(CreateRegistrationCodeRequest {
            // In its own task, which a closed connection does not cancel.
            request_id: format!("f81d4fae-7dec-41d0-a765-00a0c91e6b{device:02}"),
            ..create_from(device)
        });
        request.metadata_mut().insert("grpc-timeout", "20m".parse().expect("a value"));
        let channel = RawChannel::connect(bridge.server.address()).await;
        let answer = channel.codes().create_registration_code(request).await;
        refused(answer, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    }
    bridge.server.created_by(create_from(100)).await;
}

#[tokio::test]
async fn a_create_with_a_request_id_runs_once_even_if_its_deadline_passes() {
    let bridge = Bridge::over(BackendKind::V2).await;
    bridge.created().await;
    bridge.provider.fault(json!({ "path": "/api/v2/", "delay": { "ms": 300 } })).await;
    bridge.provider.forget_calls().await;
    let request = || CreateRegistrationCodeRequest {
        request_id: "f81d4fae-7dec-41d0-a765-00a0c91e6bf6".to_owned(),
        ..create_from(1)
    };
    let mut hasty = tonic::Request::new(request());
    hasty.metadata_mut().insert("grpc-timeout", "50m".parse().expect("a value"));
    let answer =
        RawChannel::connect(bridge.server.address()).await.codes().create_registration_code(hasty).await;
    refused(answer, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    bridge.server.created_by(request()).await;
    assert_eq!(bridge.provider.calls_to("/api/v2/REF/sessions").await.len(), 1);
}

#[tokio::test]
async fn a_name_that_would_change_the_path_is_invalid() {
    let bridge = Bridge::configured(BackendKind::V2, |config| {
        config.environments.get_mut("default").expect("present").requestors.clear();
    })
    .await;
    for (requestor_id, mvpd_id, field) in
        [("..", "", "requestor_id"), (".", "", "requestor_id"), ("REF", "..", "mvpd_id")]
    {
        let request = CreateRegistrationCodeRequest {
            requestor_id: requestor_id.to_owned(),
            mvpd_id: mvpd_id.to_owned(),
            ..create()
        };
        assert_eq!(violated(bridge.server.codes().create_registration_code(request).await), [field]);
    }
    assert_eq!(bridge.provider.calls().await.len(), 0);
}

#[tokio::test]
async fn a_failing_reset_api_does_not_affect_codes() {
    let bridge = Bridge::configured(BackendKind::V2, |config| {
        let environment = config.environments.get_mut("default").expect("present");
        environment.reset_url = Some("http://127.0.0.1:9".to_owned());
    })
    .await;
    bridge.created().await;
    let reset = || ResetTempPassRequest {
        requestor_id: "REF".to_owned(),
        mvpd_id: "TempPass".to_owned(),
        target: Some(reset_temp_pass_request::Target::DeviceId("the device".to_owned())),
        ..ResetTempPassRequest::default()
    };
    for _ in 0..12 {
        let mut temp_passes = bridge.server.temp_passes();
        let answer = bridge.while_time_passes(temp_passes.reset_temp_pass(reset())).await;
        refused(answer, Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    }
    bridge.server.created_by(create_from(1)).await;
}
