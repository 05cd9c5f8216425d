//! A logged-in device requests a code: version 1 always returns one, version 2 has none for it.

use base64::{Engine, engine::general_purpose::STANDARD};
use passbridge::{
    config::BackendKind,
    proto::v1::{
        CreateRegistrationCodeRequest, StartLoginRequest,
        entitlement_service_client::EntitlementServiceClient, registration_code::State,
        start_login_response::Login,
    },
};
use tonic::Code;

use crate::support::{
    Bridge, create,
    request::{self, REQUESTOR},
    rest::Device,
    status::refused,
};

const MVPD: &str = "Cablevision";
const CREATE: &str = "mvpd=Cablevision";

async fn logged_in(bridge: &Bridge) -> Device<'_> {
    let device = Device::of(&bridge.server).await;
    let code = device.create(CREATE).send().await.json(201)["code"].as_str().expect("text").to_owned();
    bridge.provider.log_in(&code, MVPD).await;
    device
}

fn start(code: &str) -> StartLoginRequest {
    StartLoginRequest {
        requestor_id: REQUESTOR.to_owned(),
        code: code.to_owned(),
        mvpd_id: MVPD.to_owned(),
        domain_name: "example.com".to_owned(),
        redirect_url: "https://example.com/done".to_owned(),
        ..StartLoginRequest::default()
    }
}

#[tokio::test]
async fn over_rest_a_logged_in_device_gets_a_resolved_code_that_can_be_deleted() {
    let bridge = Bridge::over(BackendKind::V2).await;
    let device = logged_in(&bridge).await;
    let record = device.create(CREATE).send().await.json(201);
    let code = record["code"].as_str().expect("a code");
    assert_eq!(
        (&record["mvpd"], &record["info"]["deviceId"]),
        (&MVPD.into(), &STANDARD.encode("device").into())
    );
    let read = device.read(code).send().await.json(200);
    assert_eq!((&read["code"], &read["mvpd"]), (&code.into(), &MVPD.into()));

    bridge.provider.forget_calls().await;
    let mut entitlements = EntitlementServiceClient::new(bridge.server.channel());
    let started = entitlements.start_login(start(code)).await.expect("starts").into_inner();
    match started.login {
        Some(Login::AlreadyAuthenticated(already)) => assert_eq!(already.mvpd_id, MVPD),
        other => panic!("{other:?}"),
    }
    let sessions = bridge.provider.calls_to(&format!("/api/v2/{REQUESTOR}/sessions")).await;
    assert!(sessions.is_empty(), "the provider has no such code");

    assert_eq!(device.delete(code).send().await.status, 204);
    device.read(code).send().await.error(404);
    refused(entitlements.start_login(start(code)).await, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
}

#[tokio::test]
async fn a_watcher_of_a_resolved_code_receives_its_use() {
    let bridge = Bridge::over(BackendKind::V2).await;
    let device = logged_in(&bridge).await;
    let record = device.create(CREATE).send().await.json(201);
    let mut watch = bridge.watch(record["code"].as_str().expect("a code")).await;
    let message = bridge.while_time_passes(watch.message()).await.expect("continues").expect("a message");
    assert_eq!(message.registration_code.expect("present").state(), State::Released);
}

#[tokio::test]
async fn over_grpc_a_resolved_code_is_read_like_any_other() {
    let bridge = Bridge::over(BackendKind::V2).await;
    let device = logged_in(&bridge).await;
    let record = device.create(CREATE).send().await.json(201);
    let code = record["code"].as_str().expect("a code");
    let read =
        bridge.server.codes().get_registration_code(request::get(code)).await.expect("reads").into_inner();
    let read = read.registration_code.expect("present");
    assert_eq!((read.mvpd_id.as_str(), read.state()), (MVPD, State::Pending));
}

#[tokio::test]
async fn over_grpc_a_logged_in_device_gets_an_error_instead_of_a_code() {
    let bridge = Bridge::over(BackendKind::V2).await;
    logged_in(&bridge).await;
    let request = CreateRegistrationCodeRequest {
        device_id: Some("device".to_owned()),
        mvpd_id: MVPD.to_owned(),
        ..create()
    };
    let answer = bridge.server.codes().create_registration_code(request).await;
    refused(answer, Code::FailedPrecondition, "ALREADY_AUTHENTICATED");
}
