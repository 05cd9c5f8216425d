//! Behavior that the local backend, v1 and v2 share. Where they differ, the tests state the difference, as does the table in
//! docs/upstream.md.

use std::time::Duration;

use passbridge::{
    config::BackendKind,
    proto::v1::{CreateRegistrationCodeRequest, LegacyParameters, WarningReason, registration_code::State},
};
use tonic::Code;

use crate::support::{
    Bridge, create,
    request::{delete, get, watch},
    status::{refused, violated},
};

const BACKENDS: [BackendKind; 3] = [BackendKind::Local, BackendKind::V1, BackendKind::V2];

#[tokio::test]
async fn a_code_is_created_read_and_deleted() {
    for backend in BACKENDS {
        let bridge = Bridge::over(backend).await;
        let created = bridge.created().await;
        assert_eq!((created.state(), created.code.len()), (State::Pending, 7), "{backend:?}");
        assert_eq!((created.device_id.as_str(), created.device_id_assigned), ("the device", false));
        let info = created.device_info.clone().expect("present");
        assert_eq!(
            (info.model.as_str(), info.operating_system.expect("present").name.as_str()),
            ("Roku", "Roku OS")
        );

        let mut codes = bridge.server.codes();
        let typed = created.code.to_lowercase();
        let read = codes.get_registration_code(get(&format!(" {}-{}", &typed[..3], &typed[3..]))).await;
        let read = read.expect("reads").into_inner().registration_code.expect("present");
        assert_eq!((&read.id, &read.code), (&created.id, &created.code), "{backend:?}");

        let deleted = codes.delete_registration_code(delete(&created.code)).await.expect("deletes");
        let expected = match backend {
            BackendKind::Local => None,
            BackendKind::V1 => Some(true),
            // Version 2 cannot delete a code: only passbridge deletes it.
            BackendKind::V2 => Some(false),
        };
        assert_eq!(deleted.into_inner().upstream_deleted, expected, "{backend:?}");
        refused(
            codes.get_registration_code(get(&created.code)).await,
            Code::NotFound,
            "REGISTRATION_CODE_NOT_FOUND",
        );
        let again = codes.delete_registration_code(delete(&created.code)).await;
        refused(again, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
    }
}

#[tokio::test]
async fn an_unknown_code_is_not_found() {
    for backend in BACKENDS {
        let bridge = Bridge::over(backend).await;
        let mut codes = bridge.server.codes();
        refused(
            codes.get_registration_code(get("BBBBBBB")).await,
            Code::NotFound,
            "REGISTRATION_CODE_NOT_FOUND",
        );
        let deleted = codes.delete_registration_code(delete("BBBBBBB")).await;
        refused(deleted, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
        let watched = codes.watch_registration_code(watch("BBBBBBB")).await;
        refused(watched, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
    }
}

#[tokio::test]
async fn a_device_without_an_id_gets_one_and_keeps_it() {
    for backend in BACKENDS {
        let bridge = Bridge::over(backend).await;
        let request = CreateRegistrationCodeRequest { device_id: None, ..create() };
        let created = bridge.server.created_by(request).await;
        assert!(created.device_id_assigned, "{backend:?}");
        assert_eq!(created.device_id.len(), 36, "a UUID");
        let creates = bridge.provider.calls_to("/reggie").await;
        if backend == BackendKind::V1 {
            // The two documented calls. The code of the second one is shown.
            let ids: Vec<_> = creates.iter().filter(|call| call["method"] == "POST").collect();
            assert_eq!(ids.len(), 2, "{creates:?}");
            assert!(ids[0]["query"].as_str().expect("text").contains("deviceId=dummy"));
            assert!(ids[1]["query"].as_str().expect("text").contains(&created.device_id));
        }
        let read = bridge.server.codes().get_registration_code(get(&created.code)).await.expect("reads");
        let read = read.into_inner().registration_code.expect("present");
        assert_eq!(read.device_id, created.device_id, "{backend:?}");
    }
}

#[tokio::test]
async fn a_watch_starts_pending_and_ends_when_the_viewer_has_logged_in() {
    for backend in BACKENDS {
        let bridge = Bridge::over(backend).await;
        let created = bridge.created().await;
        let mut stream = bridge.watch(&created.code).await;
        match backend {
            // The login service deletes the code after a successful login.
            BackendKind::Local => {
                bridge.server.codes().delete_registration_code(delete(&created.code)).await.expect("deletes");
            }
            BackendKind::V1 | BackendKind::V2 => bridge.provider.log_in(&created.code, "Cablevision").await,
        }
        let last = bridge.while_time_passes(stream.message()).await.expect("continues").expect("a message");
        assert_eq!(last.registration_code.expect("present").state(), State::Released, "{backend:?}");
        assert_eq!(stream.message().await.expect("ends with OK"), None);
        // Even if the upstream still returns it.
        let read = bridge.server.codes().get_registration_code(get(&created.code)).await;
        refused(read, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
    }
}

#[tokio::test]
async fn a_watch_ends_when_the_code_expires() {
    for backend in BACKENDS {
        let bridge = Bridge::over(backend).await;
        let created = bridge.created().await;
        let mut stream = bridge.watch(&created.code).await;
        bridge.advance(Duration::from_secs(1_801)).await;
        let last = stream.message().await.expect("continues").expect("a message").registration_code;
        assert_eq!(last.expect("present").state(), State::Expired, "{backend:?}");
    }
}

#[tokio::test]
async fn the_ttl_is_applied_or_reported_as_ignored() {
    for backend in BACKENDS {
        let bridge = Bridge::over(backend).await;
        let ttl = Some(prost_types::Duration { seconds: 600, nanos: 0 });
        let request = CreateRegistrationCodeRequest { ttl, ..create() };
        let answer =
            bridge.server.codes().create_registration_code(request).await.expect("creates").into_inner();
        let code = answer.registration_code.expect("present");
        let seconds = code.expire_time.expect("present").seconds - code.create_time.expect("present").seconds;
        let reasons: Vec<_> =
            answer.warnings.iter().map(|warning| (warning.field.as_str(), warning.reason())).collect();
        match backend {
            BackendKind::Local | BackendKind::V1 => {
                assert_eq!((seconds, reasons.len()), (600, 0), "{backend:?}");
            }
            BackendKind::V2 => {
                assert_eq!(seconds, 1_800, "theirs wins");
                assert_eq!(reasons, [("ttl", WarningReason::TtlNotHonoured)]);
            }
        }
    }
}

#[tokio::test]
async fn fields_that_a_backend_does_not_use_are_reported() {
    for backend in BACKENDS {
        let bridge = Bridge::over(backend).await;
        let request = CreateRegistrationCodeRequest {
            domain_name: "example.com".to_owned(),
            redirect_url: "https://example.com/done".to_owned(),
            legacy: Some(LegacyParameters { app_version: "7".to_owned(), ..LegacyParameters::default() }),
            ..create()
        };
        let answer =
            bridge.server.codes().create_registration_code(request).await.expect("creates").into_inner();
        let fields: Vec<_> = answer.warnings.iter().map(|warning| warning.field.as_str()).collect();
        match backend {
            BackendKind::Local | BackendKind::V1 => {
                assert_eq!(fields, ["domain_name", "redirect_url"], "{backend:?}")
            }
            BackendKind::V2 => assert_eq!(fields, ["legacy.app_version"]),
        }
        assert!(answer.warnings.iter().all(|warning| warning.reason() == WarningReason::FieldIgnored));
    }
}

#[tokio::test]
async fn a_repeat_gets_the_stored_response_and_creates_no_second_code() {
    for backend in BACKENDS {
        let bridge = Bridge::over(backend).await;
        let request_id = "f81d4fae-7dec-41d0-a765-00a0c91e6bf6".to_owned();
        let request = CreateRegistrationCodeRequest { request_id, ..create() };
        let first = bridge.server.created_by(request.clone()).await;
        assert_eq!(bridge.server.created_by(request).await, first, "{backend:?}");
        let creates = bridge.provider.calls().await;
        let creates = creates.iter().filter(|call| {
            let path = call["path"].as_str().expect("text");
            call["method"] == "POST" && (path.ends_with("/regcode") || path.ends_with("/sessions"))
        });
        assert_eq!(creates.count(), usize::from(backend != BackendKind::Local), "{backend:?}");
    }
}

#[tokio::test]
async fn an_upstream_requires_the_devices_address() {
    for backend in BACKENDS {
        let bridge = Bridge::over(backend).await;
        let request = CreateRegistrationCodeRequest { device_ip: String::new(), ..create() };
        let answer = bridge.server.codes().create_registration_code(request).await;
        match backend {
            BackendKind::Local => drop(answer.expect("creates")),
            BackendKind::V1 | BackendKind::V2 => assert_eq!(violated(answer), ["device_ip"]),
        }
    }
}
