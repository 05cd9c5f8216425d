//! Shadows: our records of codes that the provider issued.

use std::time::Duration;

use passbridge::{config::BackendKind, proto::v1::registration_code::State};
use tonic::Code;

use crate::support::{
    Bridge, DEVICE_IP, create, create_from, environment, eventually,
    provider::Provider,
    request::{delete, get},
    statement_file,
    status::refused,
    test_server::{START, TestServer},
};

/// A data folder that two servers use in turn, over one provider.
struct Handover {
    folder: tempfile::TempDir,
    provider: Provider,
    statement: tempfile::NamedTempFile,
}

impl Handover {
    async fn new() -> Self {
        let provider = Provider::start();
        provider.set_clock(START).await;
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, provider, statement: statement_file("the.statement") }
    }

    fn serve(&self, backend: BackendKind) -> TestServer {
        TestServer::configured(|config| {
            environment(config, &self.provider.url(), backend, self.statement.path());
            config.store.path = self.folder.path().to_owned();
        })
    }
}

#[tokio::test]
async fn a_code_stays_with_its_issuer_after_the_configuration_changes() {
    for (before, after) in [
        (BackendKind::V1, BackendKind::V2),
        (BackendKind::V2, BackendKind::V1),
        (BackendKind::Local, BackendKind::V2),
        (BackendKind::V1, BackendKind::Local),
    ] {
        let handover = Handover::new().await;
        let first = handover.serve(before);
        let created = first.created_by(create()).await;
        first.ended().await;

        let second = handover.serve(after);
        let mut codes = second.codes();
        let read = codes.get_registration_code(get(&created.code)).await.expect("reads").into_inner();
        assert_eq!(read.registration_code.expect("present").id, created.id, "{before:?} to {after:?}");
        let deleted =
            codes.delete_registration_code(delete(&created.code)).await.expect("deletes").into_inner();
        let expected = match before {
            BackendKind::Local => None,
            BackendKind::V1 => Some(true),
            BackendKind::V2 => Some(false),
        };
        assert_eq!(deleted.upstream_deleted, expected, "{before:?} to {after:?}");
        second.ended().await;
    }
}

#[tokio::test]
async fn acknowledged_codes_survive_a_restart_without_a_new_registration() {
    let handover = Handover::new().await;
    let first = handover.serve(BackendKind::V2);
    let created = first.created_by(create()).await;
    first.ended().await;
    let second = handover.serve(BackendKind::V2);
    let read = second.codes().get_registration_code(get(&created.code)).await.expect("reads").into_inner();
    assert_eq!(read.registration_code.expect("present").id, created.id);
    assert_eq!(handover.provider.issued().await, (1, 1));
}

#[tokio::test]
async fn a_code_without_a_shadow_is_read_with_the_known_fields() {
    for backend in [BackendKind::V1, BackendKind::V2] {
        let bridge = Bridge::over(backend).await;
        let created = bridge.created().await;
        // Another installation over the same provider.
        let statement = statement_file("another.statement");
        let url = bridge.provider.url();
        let other = TestServer::configured(|config| environment(config, &url, backend, statement.path()));
        let read = other.codes().get_registration_code(get(&created.code)).await.expect("reads").into_inner();
        let read = read.registration_code.expect("present");
        assert_eq!((read.code.as_str(), read.state()), (created.code.as_str(), State::Pending));
        assert_eq!(read.device_info.expect("present").model, "Roku");
        match backend {
            BackendKind::V1 => assert_eq!((read.id, read.device_id), (created.id, created.device_id)),
            _ => assert_eq!((read.id.as_str(), read.device_id.as_str()), ("", "")),
        }
    }
}

#[tokio::test]
async fn watches_of_one_code_share_one_upstream_poll() {
    let bridge = Bridge::over(BackendKind::V2).await;
    let created = bridge.created().await;
    let mut watches = Vec::new();
    for _ in 0..5 {
        watches.push(bridge.watch(&created.code).await);
    }
    bridge.provider.log_in(&created.code, "Cablevision").await;
    for stream in &mut watches {
        let last = bridge.while_time_passes(stream.message()).await.expect("continues").expect("a message");
        assert_eq!(last.registration_code.expect("present").state(), State::Released);
    }
    let lookups = bridge.provider.calls_to("/api/v2/REF/profiles/code/").await;
    assert_eq!(lookups.len(), 1, "{lookups:?}");
    assert_eq!(lookups[0]["headers"]["x-forwarded-for"], DEVICE_IP, "with the device's address");
}

#[tokio::test]
async fn a_code_missing_once_is_not_reported_as_a_login() {
    let bridge = Bridge::over(BackendKind::V1).await;
    let created = bridge.created().await;
    let not_found = serde_json::json!({
        "path": "/reggie/v1/REF/regcode/", "method": "GET", "times": 1,
        "status": { "status": 404, "content_type": "application/json", "body": "{\"status\":404,\"message\":\"no\"}" },
    });
    bridge.provider.fault(not_found).await;
    let mut stream = bridge.watch(&created.code).await;
    bridge
        .while_time_passes(async {
            while bridge.provider.calls_to("/reggie/v1/REF/regcode/").await.len() < 3 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    bridge.provider.log_in(&created.code, "Cablevision").await;
    let last = bridge.while_time_passes(stream.message()).await.expect("continues").expect("a message");
    assert_eq!(last.registration_code.expect("present").state(), State::Released);
    let lookups = bridge.provider.calls_to("/reggie/v1/REF/regcode/").await;
    assert!(
        lookups.len() >= 5,
        "the first miss, the calls that found it, and two misses in a row: {}",
        lookups.len()
    );
}

#[tokio::test]
async fn two_misses_with_an_error_between_them_are_not_reported_as_a_login() {
    let bridge = Bridge::over(BackendKind::V1).await;
    let created = bridge.created().await;
    for status in [404, 418, 404] {
        let fault = serde_json::json!({
            "path": "/reggie/v1/REF/regcode/", "method": "GET", "times": 1,
            "status": { "status": status, "content_type": "application/json", "body": "{}" },
        });
        bridge.provider.fault(fault).await;
    }
    let mut stream = bridge.watch(&created.code).await;
    let four_lookups = async {
        while bridge.provider.calls_to("/reggie/v1/REF/regcode/").await.len() < 4 {
            tokio::task::yield_now().await;
        }
    };
    let watched = async {
        tokio::select! {
            message = stream.message() => panic!("the watch ended: {message:?}"),
            () = four_lookups => {}
        }
    };
    bridge.while_time_passes(watched).await;
}

#[tokio::test]
async fn watches_that_start_together_poll_at_different_times() {
    let bridge = Bridge::over(BackendKind::V2).await;
    let mut streams = Vec::new();
    for device in 0..24 {
        let created = bridge.server.created_by(create_from(device)).await;
        streams.push(bridge.watch(&created.code).await);
    }
    let lookups = async || bridge.provider.calls_to("/api/v2/REF/profiles/code/").await.len();
    bridge.advance(Duration::from_millis(2_500)).await;
    eventually(async || lookups().await > 0).await;
    bridge.advance(Duration::from_millis(2_500)).await;
    eventually(async || lookups().await >= 24).await;
}

#[tokio::test]
async fn a_code_that_the_provider_deleted_is_not_found() {
    let bridge = Bridge::over(BackendKind::V1).await;
    let created = bridge.created().await;
    bridge.provider.log_in(&created.code, "Cablevision").await;
    let mut codes = bridge.server.codes();
    let status = refused(
        codes.get_registration_code(get(&created.code)).await,
        Code::NotFound,
        "REGISTRATION_CODE_NOT_FOUND",
    );
    assert!(!status.message().is_empty());
    bridge.provider.forget_calls().await;
    refused(
        codes.get_registration_code(get(&created.code)).await,
        Code::NotFound,
        "REGISTRATION_CODE_NOT_FOUND",
    );
    assert_eq!(bridge.provider.calls().await.len(), 1, "one lookup may fail, so the next read asks again");
}

#[tokio::test]
async fn a_code_that_the_provider_reissued_belongs_to_the_new_device() {
    let bridge = Bridge::over(BackendKind::V1).await;
    let created = bridge.created().await;
    let mut stream = bridge.watch(&created.code).await;
    let another = serde_json::json!({ "id": "11111111-2222-3333-4444-555555555555" });
    let path = "/reggie/v1/REF/regcode/";
    bridge.provider.fault(serde_json::json!({ "path": path, "method": "GET", "merge": another })).await;
    let read =
        bridge.server.codes().get_registration_code(get(&created.code)).await.expect("reads").into_inner();
    assert_eq!(read.registration_code.expect("present").id, "11111111-2222-3333-4444-555555555555");
    let last =
        stream.message().await.expect("continues").expect("a message").registration_code.expect("present");
    assert_eq!(
        (last.id.as_str(), last.state()),
        (created.id.as_str(), State::Released),
        "the watch of the first device's code"
    );
}
