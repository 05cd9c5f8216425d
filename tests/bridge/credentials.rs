//! passbridge's credentials at the provider: never lost, never registered twice, never disclosed.

use std::time::Duration;

use futures_util::TryStreamExt;
use passbridge::{
    config::{BackendKind, HumanDuration, TokenParameters},
    domain::{
        clock::{ManualClock, Timestamp},
        ledger_kind::LedgerKind,
        port::{LedgerEntry, LedgerKey},
    },
    proto::v1::{CreateRegistrationCodeRequest, ResetTempPassRequest, reset_temp_pass_request::Target},
    store::embedded::{EmbeddedOptions, EmbeddedStore},
};
use serde_json::json;
use tonic::Code;

use crate::support::{
    Bridge, create, create_from, environment, eventually,
    provider::Provider,
    raw::RawChannel,
    request::REQUESTOR,
    statement_file,
    status::refused,
    test_server::{START, TestServer},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn reset() -> ResetTempPassRequest {
    ResetTempPassRequest {
        requestor_id: REQUESTOR.to_owned(),
        mvpd_id: "TempPass".to_owned(),
        target: Some(Target::DeviceId("the device".to_owned())),
        ..ResetTempPassRequest::default()
    }
}

fn forbidden(content_type: &str, times: u32) -> serde_json::Value {
    json!({
        "path": "/reset-tempass/", "times": times,
        "status": { "status": 403, "content_type": content_type, "body": "no" },
    })
}

#[tokio::test]
async fn concurrent_first_calls_register_once_and_get_one_token() {
    let bridge = Bridge::over(BackendKind::V2).await;
    let calls = (0..50).map(|device| {
        let mut codes = bridge.server.codes();
        async move { codes.create_registration_code(create_from(device)).await }
    });
    for answer in futures_util::future::join_all(calls).await {
        answer.expect("creates");
    }
    assert_eq!(bridge.provider.issued().await, (1, 1));
}

#[tokio::test]
async fn a_token_is_renewed_in_the_background_before_it_expires() {
    let bridge = Bridge::configured(BackendKind::V1, |config| {
        let environment = config.environments.get_mut("default").expect("present");
        environment.upstream_timeout = HumanDuration(Duration::from_millis(500));
    })
    .await;
    bridge.created().await;
    // The provider's tokens are valid for 6 hours.
    bridge.advance(Duration::from_secs(5 * 3600)).await;
    bridge.provider.fault(json!({ "path": "/o/client/token", "times": 1, "hang": {} })).await;
    // The renewal is in progress, and no call waits for it.
    bridge.created().await;
    eventually(async || bridge.provider.calls_to("/o/client/token").await.len() == 2).await;
    assert_eq!(bridge.provider.issued().await.1, 1);
    bridge.created().await;
    eventually(async || {
        bridge.advance(Duration::from_millis(100)).await;
        bridge.provider.issued().await.1 == 2
    })
    .await;
    bridge.advance(Duration::from_secs(2 * 3600)).await;
    bridge.provider.forget_calls().await;
    bridge.created().await;
    let refused = bridge.provider.calls().await.iter().any(|call| call["status"] == 401);
    assert!(!refused, "the provider never refused a token");
}

#[tokio::test]
async fn the_age_of_a_token_does_not_depend_on_the_providers_clock() {
    let bridge = Bridge::over(BackendKind::V2).await;
    let past = json!({ "path": "/o/client/token", "merge": { "created_at": 1000 } });
    bridge.provider.fault(past).await;
    bridge.created().await;
    bridge.created().await;
    assert_eq!(bridge.provider.issued().await, (1, 1));
}

#[tokio::test]
async fn the_age_of_a_token_does_not_depend_on_the_wall_clock() {
    let bridge = Bridge::over(BackendKind::V1).await;
    let start = Timestamp::from_millis(START);
    for now in [start, start + DAY, start.before(DAY)] {
        bridge.server.clock.step_to(now);
        bridge.server.temp_passes().reset_temp_pass(reset()).await.expect("resets");
        assert_eq!(bridge.provider.issued().await, (1, 1), "{now:?}");
    }
    // The token expires after 6 hours.
    bridge.advance(Duration::from_secs(6 * 3600)).await;
    bridge.provider.forget_calls().await;
    bridge.server.temp_passes().reset_temp_pass(reset()).await.expect("resets");
    assert_eq!(bridge.provider.issued().await, (1, 2));
    let refused = bridge.provider.calls().await.iter().any(|call| call["status"] == 401);
    assert!(!refused, "the expired token was not sent");
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let bridge = Bridge::over(BackendKind::V1).await;
    bridge.created().await;
    bridge.provider.forget_tokens().await;
    bridge.created().await;
    assert_eq!(bridge.provider.issued().await, (1, 2));

    bridge.advance(Duration::from_secs(60)).await;
    let refusing = json!({
        "path": "/reggie/",
        "status": { "status": 401, "content_type": "application/json", "body": "{\"status\":401,\"message\":\"no\"}" },
    });
    bridge.provider.fault(refusing).await;
    bridge.provider.forget_calls().await;
    let answer = bridge.server.codes().create_registration_code(create()).await;
    let status = refused(answer, Code::FailedPrecondition, "UPSTREAM_CREDENTIALS_REFUSED");
    assert!(!status.message().contains("Bearer"));
    assert_eq!(bridge.provider.calls_to("/reggie/").await.len(), 2, "retried exactly once");
    assert_eq!(bridge.provider.issued().await.0, 1, "a refused token does not cause a registration");
}

#[tokio::test]
async fn an_unknown_client_is_registered_again_once() {
    let bridge = Bridge::over(BackendKind::V1).await;
    bridge.created().await;
    bridge.advance(Duration::from_secs(3600)).await;
    bridge.provider.forget_clients().await;
    bridge.created().await;
    assert_eq!(bridge.provider.issued().await.0, 2);

    // New credentials that are refused never worked, so another registration would not help.
    bridge.advance(Duration::from_secs(60)).await;
    bridge.provider.forget_clients().await;
    let answer = bridge.server.codes().create_registration_code(create()).await;
    refused(answer, Code::FailedPrecondition, "UPSTREAM_CREDENTIALS_REFUSED");
    assert_eq!(bridge.provider.issued().await.0, 2);
}

#[tokio::test]
async fn the_first_403_of_the_reset_api_is_treated_as_rate_limiting() {
    let bridge = Bridge::over(BackendKind::V1).await;
    bridge.provider.fault(forbidden("application/json", 1)).await;
    let mut temp_passes = bridge.server.temp_passes();
    bridge.while_time_passes(temp_passes.reset_temp_pass(reset())).await.expect("resets");
    assert_eq!(bridge.provider.issued().await, (1, 2), "a new token, and no new registration");
}

#[tokio::test]
async fn a_second_403_of_the_reset_api_registers_again_at_most_once_a_day() {
    let bridge = Bridge::over(BackendKind::V1).await;
    bridge.provider.fault(forbidden("application/json", 2)).await;
    let mut temp_passes = bridge.server.temp_passes();
    bridge.while_time_passes(temp_passes.reset_temp_pass(reset())).await.expect("resets");
    assert_eq!(bridge.provider.issued().await.0, 2);

    bridge.provider.fault(forbidden("application/json", 1000)).await;
    let answer = bridge.while_time_passes(temp_passes.reset_temp_pass(reset())).await;
    refused(answer, Code::PermissionDenied, "UPSTREAM_FORBIDDEN");
    assert_eq!(bridge.provider.issued().await.0, 2, "not again on the same day");

    bridge.advance(DAY).await;
    let answer = bridge.while_time_passes(temp_passes.reset_temp_pass(reset())).await;
    refused(answer, Code::PermissionDenied, "UPSTREAM_FORBIDDEN");
    assert_eq!(bridge.provider.issued().await.0, 3);
}

#[tokio::test]
async fn an_unreadable_mark_of_a_registration_still_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = || folder.path().to_owned();
    let bridge = Bridge::configured(BackendKind::V1, |config| config.store.path = path()).await;
    bridge.created().await;
    let Bridge { server, provider, .. } = bridge;
    server.ended().await;
    let clock = ManualClock::new(Timestamp::from_millis(START));
    let options = EmbeddedOptions { free_space_reserve: 0, ..EmbeddedOptions::new(folder.path(), clock) };
    let store = EmbeddedStore::open(options).expect("opens").ports();
    let ledger = &store.ledger;
    let credentials = ledger.scan(LedgerKind::UpstreamCredentials).try_next().await.expect("succeeds");
    let (name, _) = credentials.expect("stored");
    let mark = LedgerEntry { value: b"\xff\xff".to_vec(), expire_time: None };
    let key = LedgerKey { kind: LedgerKind::UpstreamReregistration, name };
    assert_eq!(ledger.put_if_absent(&key, mark).await.expect("succeeds"), None);
    store.health.close().await.expect("closes");

    let bridge = Bridge::before(provider, BackendKind::V1, |config| config.store.path = path()).await;
    bridge.provider.fault(forbidden("application/json", 1000)).await;
    let mut temp_passes = bridge.server.temp_passes();
    let answer = bridge.while_time_passes(temp_passes.reset_temp_pass(reset())).await;
    refused(answer, Code::PermissionDenied, "UPSTREAM_FORBIDDEN");
    assert_eq!(bridge.provider.issued().await.0, 1, "no new registration");
}

#[tokio::test]
async fn a_403_with_a_page_never_registers_again() {
    let bridge = Bridge::over(BackendKind::V1).await;
    bridge.provider.fault(forbidden("text/html", 1000)).await;
    let mut temp_passes = bridge.server.temp_passes();
    let answer = bridge.while_time_passes(temp_passes.reset_temp_pass(reset())).await;
    refused(answer, Code::ResourceExhausted, "UPSTREAM_THROTTLED");
    assert_eq!(bridge.provider.issued().await.0, 1);
}

#[tokio::test]
async fn a_refused_statement_is_reported_to_the_operator_and_not_retried_at_once() {
    let provider = Provider::start();
    provider.set_clock(START).await;
    let statement = statement_file("unapproved statement");
    let url = provider.url();
    let server =
        TestServer::configured(|config| environment(config, &url, BackendKind::V2, statement.path()));
    for device in 0..5 {
        let answer = server.codes().create_registration_code(create_from(device)).await;
        let status = refused(answer, Code::FailedPrecondition, "UPSTREAM_CREDENTIALS_REFUSED");
        let info = tonic_types::StatusExt::get_details_error_info(&status).expect("present");
        assert_eq!(info.metadata["upstream_code"], "unapproved_software_statement");
    }
    assert_eq!(
        provider.calls_to("/o/client/").await.len(),
        1,
        "a failed registration is not retried at once"
    );
}

#[tokio::test]
async fn credentials_are_stored_even_if_the_caller_disconnects_and_survive_a_restart() {
    let provider = Provider::start();
    provider.set_clock(START).await;
    let (folder, statement) = (tempfile::tempdir().expect("a folder"), statement_file("kept"));
    let serve = || {
        TestServer::configured(|config| {
            environment(config, &provider.url(), BackendKind::V2, statement.path());
            config.store.path = folder.path().to_owned();
        })
    };
    let server = serve();
    provider.fault(json!({ "path": "/o/client/register", "delay": { "ms": 300 } })).await;
    let mut request = tonic::Request::new(create());
    request.metadata_mut().insert("grpc-timeout", "100m".parse().expect("a value"));
    let answer = RawChannel::connect(server.address()).await.codes().create_registration_code(request).await;
    refused(answer, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    eventually(async || provider.issued().await == (1, 1)).await;
    server.ended().await;
    let server = serve();
    server.created_by(create()).await;
    assert_eq!(provider.issued().await.0, 1);
}

#[tokio::test]
async fn secrets_are_sealed_in_the_store() {
    let ring = statement_file(&format!("one:{}\n", base64_of(&[7; 32])));
    let provider = Provider::start();
    let (folder, path) = (tempfile::tempdir().expect("a folder"), ring.path().to_owned());
    let data = folder.path().to_owned();
    let bridge = Bridge::before(provider, BackendKind::V1, move |config| {
        config.store.key_ring = Some(path);
        config.store.path = data;
    })
    .await;
    bridge.created().await;
    let tokens = bridge.provider.calls_to("/o/client/token").await;
    let secret = secret_in(&tokens[0]["body"]);
    bridge.server.ended().await;
    assert!(!holds(folder.path(), secret.as_bytes()), "a file of the store contains a secret");

    // Without a key ring the secret is found, which shows that the check works.
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().to_owned();
    let bridge =
        Bridge::before(Provider::start(), BackendKind::V1, move |config| config.store.path = data).await;
    bridge.created().await;
    let tokens = bridge.provider.calls_to("/o/client/token").await;
    let secret = secret_in(&tokens[0]["body"]);
    bridge.server.ended().await;
    assert!(holds(folder.path(), secret.as_bytes()));
}

/// The client secret in a query or a form.
fn secret_in(pairs: &serde_json::Value) -> String {
    let mut pairs = pairs.as_str().expect("text").split('&');
    pairs.find_map(|pair| pair.strip_prefix("client_secret=")).expect("a secret").to_owned()
}

#[tokio::test]
async fn the_client_secret_is_not_in_urls_unless_configured() {
    let bridge = Bridge::over(BackendKind::V2).await;
    bridge.created().await;
    let call = &bridge.provider.calls_to("/o/client/token").await[0];
    assert_eq!(call["query"], "");
    secret_in(&call["body"]);

    let bridge = Bridge::configured(BackendKind::V2, |config| {
        let environment = config.environments.get_mut("default").expect("present");
        environment.token_parameters = TokenParameters::FormAndQuery;
    })
    .await;
    bridge.created().await;
    let call = &bridge.provider.calls_to("/o/client/token").await[0];
    assert_eq!(call["query"], call["body"]);
}

#[tokio::test]
async fn a_registration_without_a_response_is_not_repeated_that_day_even_after_a_restart() {
    let (mut provider, folder) = (Provider::start(), tempfile::tempdir().expect("a folder"));
    for device in 0..2 {
        let data = folder.path().to_owned();
        let bridge = Bridge::before(provider, BackendKind::V1, |config| config.store.path = data).await;
        bridge.server.created_by(create_from(device)).await;
        bridge.provider.fault(json!({ "path": "/o/client/register", "close": {} })).await;
        bridge.provider.fault(forbidden("application/json", 1000)).await;
        let mut temp_passes = bridge.server.temp_passes();
        let answer = bridge.while_time_passes(temp_passes.reset_temp_pass(reset())).await;
        refused(answer, Code::PermissionDenied, "UPSTREAM_FORBIDDEN");
        assert_eq!(bridge.provider.calls_to("/o/client/register").await.len(), 2);
        bridge.provider.clear_faults().await;
        let Bridge { server, provider: same, .. } = bridge;
        server.ended().await;
        provider = same;
    }
}

fn base64_of(bytes: &[u8]) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
}

fn holds(folder: &std::path::Path, secret: &[u8]) -> bool {
    std::fs::read_dir(folder).expect("readable").any(|entry| {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            return holds(&path, secret);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes.windows(secret.len()).any(|window| window == secret)
    })
}

#[tokio::test]
async fn credentials_are_bound_to_their_provider_and_reused_when_it_is_configured_again() {
    let (first, second) = (Provider::start(), Provider::start());
    first.set_clock(START).await;
    second.set_clock(START).await;
    let (folder, statement) = (tempfile::tempdir().expect("a folder"), statement_file("one statement"));
    for (provider, issued) in [(&first, 1), (&second, 1), (&first, 1)] {
        let server = TestServer::configured(|config| {
            environment(config, &provider.url(), BackendKind::V2, statement.path());
            config.store.path = folder.path().to_owned();
        });
        server.created_by(create()).await;
        server.ended().await;
        assert_eq!(provider.issued().await.0, issued);
    }
    let tokens = first.calls_to("/o/client/token").await;
    let secret = secret_in(&tokens[0]["body"]);
    let seen = serde_json::Value::from(second.calls().await).to_string();
    assert!(!seen.contains(&secret));
}

#[tokio::test]
async fn a_short_refusal_of_all_requestors_is_retried_soon() {
    let bridge = Bridge::over(BackendKind::V2).await;
    bridge.created().await;
    bridge.advance(Duration::from_secs(60)).await;
    let refusing = json!({
        "path": "/api/v2/",
        "status": { "status": 401, "content_type": "application/json", "body": "{\"status\":401}" },
    });
    bridge.provider.fault(refusing).await;
    let calls = (0..20).map(|device| {
        let mut codes = bridge.server.codes();
        async move { codes.create_registration_code(create_from(device)).await }
    });
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(Result::is_err));
    bridge.provider.clear_faults().await;
    // With the most jitter.
    bridge.advance(Duration::from_millis(1_500)).await;
    bridge.server.created_by(create_from(100)).await;
    bridge.server.created_by(create_from(101)).await;
}

#[tokio::test]
async fn a_refusal_of_one_requestor_does_not_affect_another() {
    let bridge = Bridge::configured(BackendKind::V1, |config| {
        config.environments.get_mut("default").expect("present").requestors.clear();
    })
    .await;
    bridge.created().await;
    bridge.advance(Duration::from_secs(60)).await;
    let refusing = json!({
        "path": "/reggie/v1/FOREIGN/",
        "status": { "status": 401, "content_type": "application/json", "body": "{\"status\":401}" },
    });
    bridge.provider.fault(refusing).await;
    let foreign = CreateRegistrationCodeRequest { requestor_id: "FOREIGN".to_owned(), ..create_from(1) };
    for _ in 0..5 {
        let answer = bridge.server.codes().create_registration_code(foreign.clone()).await;
        refused(answer, Code::FailedPrecondition, "UPSTREAM_CREDENTIALS_REFUSED");
    }
    assert_eq!(bridge.provider.issued().await, (1, 2), "exactly one other token was tried");
    bridge.server.created_by(create_from(2)).await;
}
