//! Idempotent creates: `request_id` is the idempotency key.

use std::time::Duration;

use futures_util::future::join_all;
use passbridge::proto::v1::{
    CreateRegistrationCodeRequest, CreateRegistrationCodeResponse, EncodeDeviceInfoRequest,
    create_registration_code_request::Device, device_info_service_client::DeviceInfoServiceClient,
};
use tonic::Code;

use crate::support::{
    request::{create, create_for, delete, get},
    status::refused,
    test_server::{TestServer, environment},
};

const ID: &str = "f81d4fae-7dec-41d0-a765-00a0c91e6bf6";

fn repeatable() -> CreateRegistrationCodeRequest {
    CreateRegistrationCodeRequest { request_id: ID.to_owned(), ..create_for(60) }
}

async fn answer(
    server: &TestServer,
    request: CreateRegistrationCodeRequest,
) -> CreateRegistrationCodeResponse {
    server.codes().create_registration_code(request).await.expect("creates").into_inner()
}

#[tokio::test]
async fn a_repeat_gets_the_stored_response() {
    let server = TestServer::start();
    // An unlisted value, so that the stored response has a warning.
    let mut request = repeatable();
    request.domain_name = "example.com".to_owned();
    let first = answer(&server, request.clone()).await;
    server.clock.advance(Duration::from_secs(1));
    assert!(!first.warnings.is_empty());
    assert_eq!(answer(&server, request).await, first);
}

#[tokio::test]
async fn without_a_request_id_every_call_creates_a_code() {
    let server = TestServer::start();
    let (one, two) = (server.created().await, server.created().await);
    assert_ne!(one.id, two.id);
    assert_ne!(one.code, two.code);
}

#[tokio::test]
async fn concurrent_repeats_create_one_code() {
    // Only one code may be live, so a second create would be refused.
    let server = TestServer::configured(|config| config.codes.max_live_codes = 1);
    let calls = (0..16).map(|_| answer(&server, repeatable()));
    let answers = join_all(calls).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn another_request_with_the_same_id_is_refused() {
    let server = TestServer::start();
    let first = answer(&server, repeatable()).await;
    let other = CreateRegistrationCodeRequest { mvpd_id: "Cablevision".to_owned(), ..repeatable() };
    let refusal = server.codes().create_registration_code(other).await;
    refused(refusal, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(answer(&server, repeatable()).await, first, "the first response is still stored");
}

#[tokio::test]
async fn an_id_belongs_to_its_environment_and_requestor() {
    let server = TestServer::configured(|config| {
        environment(config, "default", &[]);
        environment(config, "staging", &[]);
    });
    let first = answer(&server, repeatable()).await;
    let elsewhere = CreateRegistrationCodeRequest { environment: "staging".to_owned(), ..repeatable() };
    assert_ne!(answer(&server, elsewhere).await, first);
    let other = CreateRegistrationCodeRequest { requestor_id: "OTHER".to_owned(), ..repeatable() };
    assert_ne!(answer(&server, other).await, first);
}

#[tokio::test]
async fn uuid_spellings_are_equivalent() {
    let server = TestServer::start();
    let first = answer(&server, repeatable()).await;
    let upper = CreateRegistrationCodeRequest { request_id: ID.to_uppercase(), ..repeatable() };
    assert_eq!(answer(&server, upper).await, first);
}

#[tokio::test]
async fn errors_are_not_stored() {
    let server = TestServer::configured(|config| config.codes.max_live_codes = 1);
    let blocking = server.created().await.code;
    let refusal = server.codes().create_registration_code(repeatable()).await;
    refused(refusal, Code::ResourceExhausted, "LIVE_CODES_EXHAUSTED");
    server.codes().delete_registration_code(delete(&blocking)).await.expect("deletes");
    answer(&server, repeatable()).await;
}

#[tokio::test]
async fn an_invalid_request_does_not_use_its_id() {
    let server = TestServer::start();
    let invalid = CreateRegistrationCodeRequest { mvpd_id: "no spaces".to_owned(), ..repeatable() };
    let refusal = server.codes().create_registration_code(invalid).await;
    refused(refusal, Code::InvalidArgument, "INVALID_FIELD");
    answer(&server, repeatable()).await;
}

#[tokio::test]
async fn a_repeat_after_the_delete_creates_no_code() {
    let server = TestServer::start();
    let first = answer(&server, repeatable()).await;
    let code = first.registration_code.clone().expect("a code").code;
    server.codes().delete_registration_code(delete(&code)).await.expect("deletes");
    assert_eq!(answer(&server, repeatable()).await, first);
    let gone = server.codes().get_registration_code(get(&code)).await;
    refused(gone, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
}

#[tokio::test]
async fn a_stored_response_expires_ten_minutes_after_its_code() {
    let server = TestServer::start();
    let first = answer(&server, repeatable()).await;
    server.clock.advance(Duration::from_millis(60_000 + 599_999));
    assert_eq!(answer(&server, repeatable()).await, first);
    server.clock.advance(Duration::from_millis(1));
    let second = answer(&server, repeatable()).await;
    assert_ne!(second.registration_code.expect("a code").id, first.registration_code.expect("a code").id);
}

#[tokio::test]
async fn an_id_that_is_not_a_uuid_is_refused() {
    let server = TestServer::start();
    for wrong in ["1", "f81d4fae7dec41d0a76500a0c91e6bf6", "{f81d4fae-7dec-41d0-a765-00a0c91e6bf6}", " "] {
        let request = CreateRegistrationCodeRequest { request_id: wrong.to_owned(), ..create() };
        let refusal = server.codes().create_registration_code(request).await;
        assert_eq!(crate::support::status::violated(refusal), ["request_id"], "{wrong:?}");
    }
}

#[tokio::test]
async fn equivalent_spellings_are_the_same_request() {
    let server = TestServer::start();
    let first = answer(&server, repeatable()).await;
    let named = CreateRegistrationCodeRequest { environment: "default".to_owned(), ..repeatable() };
    assert_eq!(answer(&server, named).await, first, "an empty environment means the default");
    let Some(Device::DeviceInfo(device_info)) = repeatable().device else { panic!("typed") };
    let encoded = EncodeDeviceInfoRequest { device_info: Some(device_info) };
    let encoded = DeviceInfoServiceClient::new(server.channel())
        .encode_device_info(encoded)
        .await
        .expect("encodes")
        .into_inner();
    let device = Some(Device::XDeviceInfo(encoded.x_device_info));
    let encoded = CreateRegistrationCodeRequest { device, ..repeatable() };
    assert_eq!(answer(&server, encoded).await, first, "typed and encoded device information are equivalent");
}
