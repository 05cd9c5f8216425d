//! The life of a code from its creation to its end, and the fields of its record.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use passbridge::{
    config::RequestorConfig,
    domain::code::DEFAULT_ALPHABET,
    proto::v1::{
        CreateRegistrationCodeRequest, DeviceInfo, LegacyParameters, WarningReason,
        create_registration_code_request::Device, registration_code::State,
    },
};
use prost_types::Timestamp;
use tonic::Code;
use uuid::Uuid;

use crate::support::{
    request::{create, create_for, delete, get},
    status::refused,
    test_server::{START, TestServer, environment},
};

const USER_AGENT: &str = "Roku/DVP-12.0 (12.0.0.4182-88)";

fn timestamp(millis: u64) -> Timestamp {
    Timestamp {
        seconds: i64::try_from(millis / 1000).expect("fits"),
        nanos: i32::try_from(millis % 1000).expect("fits") * 1_000_000,
    }
}

#[tokio::test]
async fn a_code_is_read_back_until_it_is_deleted() {
    let server = TestServer::start();
    let mut codes = server.codes();
    let created = server.created().await;

    let read = codes.get_registration_code(get(&created.code)).await.expect("reads").into_inner();
    assert_eq!(read.registration_code, Some(created.clone()));

    let deleted = codes.delete_registration_code(delete(&created.code)).await.expect("deletes").into_inner();
    assert_eq!(deleted.upstream_deleted, None, "no provider is involved");

    let gone = codes.get_registration_code(get(&created.code)).await;
    refused(gone, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
}

#[tokio::test]
async fn a_second_delete_is_not_found() {
    let server = TestServer::start();
    let mut codes = server.codes();
    let code = server.created().await.code;
    codes.delete_registration_code(delete(&code)).await.expect("deletes");
    let again = codes.delete_registration_code(delete(&code)).await;
    refused(again, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
}

#[tokio::test]
async fn only_one_of_concurrent_deletes_succeeds() {
    let server = TestServer::start();
    let code = server.created().await.code;
    let deletes = (0..8).map(|_| {
        let mut codes = server.codes();
        let request = delete(&code);
        async move { codes.delete_registration_code(request).await }
    });
    let outcomes = futures_util::future::join_all(deletes).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
}

#[tokio::test]
async fn a_code_has_the_values_of_its_request() {
    let server = TestServer::start();
    let legacy = LegacyParameters {
        device_type: "stb".to_owned(),
        device_user: "user".to_owned(),
        app_id: "app".to_owned(),
        app_version: "1.2".to_owned(),
        registration_url: "https://example.com/reg".to_owned(),
    };
    let created = server
        .created_by(CreateRegistrationCodeRequest {
            device_id: Some("c29tZSBkZXZpY2U=".to_owned()),
            user_agent: USER_AGENT.to_owned(),
            mvpd_id: "Cablevision".to_owned(),
            legacy: Some(legacy.clone()),
            ..create()
        })
        .await;

    assert_eq!(created.requestor_id, "REF");
    assert_eq!(created.environment, "default", "never empty, even if the request omits it");
    assert_eq!(created.mvpd_id, "Cablevision");
    assert_eq!(created.device_id, "c29tZSBkZXZpY2U=");
    assert!(!created.device_id_assigned);
    assert_eq!(created.user_agent, USER_AGENT);
    assert_eq!(created.original_user_agent, USER_AGENT);
    assert_eq!(created.legacy, Some(legacy));
    assert_eq!(created.authorization_type, "");
    assert_eq!(created.source_application, None);
}

#[tokio::test]
async fn omitted_request_fields_are_empty_or_absent() {
    let server = TestServer::start();
    let created = server.created().await;
    assert_eq!(created.mvpd_id, "");
    assert_eq!(created.user_agent, "");
    assert_eq!(created.original_user_agent, "");
    assert_eq!(created.legacy, None);
    assert_eq!(created.verification_uri, "");
    assert_eq!(created.verification_uri_complete, "");
}

#[tokio::test]
async fn a_new_code_is_pending_and_has_a_uuid_and_seven_symbols() {
    let server = TestServer::start();
    let created = server.created().await;
    assert_eq!(created.state(), State::Pending);
    assert_eq!(Uuid::parse_str(&created.id).expect("a UUID").to_string(), created.id);
    assert_eq!(created.code.len(), 7);
    assert!(created.code.chars().all(|symbol| DEFAULT_ALPHABET.contains(symbol)), "{}", created.code);
}

#[tokio::test]
async fn code_length_and_alphabet_are_configurable() {
    let server = TestServer::configured(|config| {
        config.codes.length = 12;
        config.codes.alphabet = "ABCDEFGH".to_owned();
    });
    let code = server.created().await.code;
    assert_eq!(code.len(), 12);
    assert!(code.chars().all(|symbol| ('A'..='H').contains(&symbol)), "{code}");
}

#[tokio::test]
async fn the_default_ttl_is_half_an_hour() {
    let server = TestServer::start();
    let created = server.created().await;
    assert_eq!(created.create_time, Some(timestamp(START)));
    assert_eq!(created.expire_time, Some(timestamp(START + 1_800_000)));

    server.clock.advance(Duration::from_millis(877));
    let short = server.created_by(create_for(1)).await;
    assert_eq!(short.create_time, Some(timestamp(START + 877)));
    assert_eq!(short.expire_time, Some(timestamp(START + 1_877)));

    let long = server.created_by(create_for(36_000)).await;
    assert_eq!(long.expire_time, Some(timestamp(START + 877 + 36_000_000)));
}

#[tokio::test]
async fn a_device_without_an_id_gets_one_and_keeps_it() {
    let server = TestServer::start();
    let created = server.created().await;
    assert!(created.device_id_assigned);
    Uuid::parse_str(&created.device_id).expect("a UUID");
    let read = server.codes().get_registration_code(get(&created.code)).await.expect("reads").into_inner();
    let read = read.registration_code.expect("has a code");
    assert_eq!((read.device_id, read.device_id_assigned), (created.device_id, true));
}

#[tokio::test]
async fn the_encoded_device_information_is_base64_of_the_normalized_json() {
    let server = TestServer::start();
    let created = server.created().await;
    let json = STANDARD.decode(created.encoded_device_info).expect("base64");
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let normalized = created.device_info.expect("normalized");
    assert_eq!(json["model"], "Roku");
    assert_eq!(normalized.model, "Roku");
    assert_eq!(json["operatingSystem"]["name"], "Roku OS");
    assert_eq!(normalized.operating_system.expect("a system").name, "Roku OS");
    assert_eq!(json["display"]["name"], "DISPLAY");
}

#[tokio::test]
async fn the_verification_url_comes_from_the_requestors_template() {
    let server = TestServer::configured(|config| {
        environment(config, "default", &["OTHER"]);
        let template = "https://example.com/activate{?code}".to_owned();
        let requestors = &mut config.environments.get_mut("default").expect("configured").requestors;
        requestors.insert(
            "REF".to_owned(),
            RequestorConfig { verification_uri: Some(template), ..RequestorConfig::default() },
        );
    });
    let created = server.created().await;
    assert_eq!(created.verification_uri, "https://example.com/activate");
    assert_eq!(
        created.verification_uri_complete,
        format!("https://example.com/activate?code={}", created.code)
    );

    let other = CreateRegistrationCodeRequest { requestor_id: "OTHER".to_owned(), ..create() };
    assert_eq!(server.created_by(other).await.verification_uri, "");
}

#[tokio::test]
async fn fields_that_only_an_upstream_uses_are_reported_as_ignored() {
    let server = TestServer::start();
    let request = CreateRegistrationCodeRequest {
        domain_name: "example.com".to_owned(),
        redirect_url: "https://example.com/".to_owned(),
        ..create()
    };
    let answer = server.codes().create_registration_code(request).await.expect("creates").into_inner();
    let warnings: Vec<_> =
        answer.warnings.iter().map(|warning| (warning.field.as_str(), warning.reason())).collect();
    assert_eq!(
        warnings,
        [("domain_name", WarningReason::FieldIgnored), ("redirect_url", WarningReason::FieldIgnored)]
    );
}

#[tokio::test]
async fn a_code_expires_at_the_exact_millisecond() {
    let server = TestServer::start();
    let mut codes = server.codes();
    let code = server.created_by(create_for(10)).await.code;
    server.clock.advance(Duration::from_millis(9_999));
    codes.get_registration_code(get(&code)).await.expect("lives");
    server.clock.advance(Duration::from_millis(1));
    refused(codes.get_registration_code(get(&code)).await, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
    refused(
        codes.delete_registration_code(delete(&code)).await,
        Code::NotFound,
        "REGISTRATION_CODE_NOT_FOUND",
    );
}

#[tokio::test]
async fn a_code_in_use_is_drawn_again() {
    let server = TestServer::start();
    server.randomness.draw_next("BCDFGHJ");
    assert_eq!(server.created().await.code, "BCDFGHJ");
    server.randomness.draw_next("BCDFGHJ");
    let other = server.created().await;
    assert_ne!(other.code, "BCDFGHJ");
    server.codes().get_registration_code(get(&other.code)).await.expect("reads");
}

#[tokio::test]
async fn two_requestors_may_have_the_same_code() {
    let server = TestServer::start();
    let mut ids = Vec::new();
    for requestor in ["ONE", "TWO"] {
        server.randomness.draw_next("BCDFGHJ");
        let request = CreateRegistrationCodeRequest { requestor_id: requestor.to_owned(), ..create() };
        let created = server.created_by(request).await;
        assert_eq!(created.code, "BCDFGHJ");
        ids.push(created.id);
    }
    for (requestor, id) in ["ONE", "TWO"].into_iter().zip(ids) {
        let mut request = get("BCDFGHJ");
        request.requestor_id = requestor.to_owned();
        let read = server.codes().get_registration_code(request).await.expect("reads").into_inner();
        assert_eq!(read.registration_code.expect("has a code").id, id);
    }
}

#[tokio::test]
async fn a_released_code_is_not_reissued_until_ten_minutes_after_its_expiry() {
    let server = TestServer::start();
    server.randomness.draw_next("BCDFGHJ");
    let code = server.created_by(create_for(60)).await.code;
    server.codes().delete_registration_code(delete(&code)).await.expect("deletes");
    assert_quarantined(&server, &code).await;
}

#[tokio::test]
async fn an_expired_code_is_not_reissued_until_ten_minutes_after_its_expiry() {
    let server = TestServer::start();
    server.randomness.draw_next("BCDFGHJ");
    let code = server.created_by(create_for(60)).await.code;
    assert_quarantined(&server, &code).await;
}

/// Asserts that a code with a TTL of one minute is reissued after eleven minutes, and not a millisecond earlier.
async fn assert_quarantined(server: &TestServer, code: &str) {
    for (wait, again) in [(0, false), (60_000, false), (599_999, false), (1, true)] {
        server.clock.advance(Duration::from_millis(wait));
        server.randomness.draw_next(code);
        assert_eq!(server.created_by(create_for(1)).await.code == code, again, "after {wait} ms more");
    }
}

#[tokio::test]
async fn the_user_agent_in_the_device_info_takes_precedence() {
    let server = TestServer::start();
    let device = DeviceInfo {
        model: Some("AFTMM".to_owned()),
        os_name: Some("Android".to_owned()),
        user_agent: Some("Device/1.0".to_owned()),
        ..DeviceInfo::default()
    };
    let created = server
        .created_by(CreateRegistrationCodeRequest {
            device: Some(Device::DeviceInfo(device)),
            user_agent: "Server/2.0".to_owned(),
            ..create()
        })
        .await;
    assert_eq!(created.user_agent, "Device/1.0");
    assert_eq!(created.original_user_agent, "Server/2.0");
}
