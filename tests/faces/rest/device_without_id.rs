//! Devices without an id.

use base64::{Engine, prelude::BASE64_STANDARD};
use passbridge::config::DeviceIdRule;
use uuid::Uuid;

use crate::support::{
    request,
    rest::{DEVICE_INFO, Device},
    test_server::TestServer,
};

fn create(device: &Device<'_>, parameters: &str) -> crate::support::http::Call {
    let path = format!("/reggie/v1/REF/regcode.json?{parameters}");
    device.call("POST", &path).header("x-device-info", DEVICE_INFO)
}

#[tokio::test]
async fn the_two_documented_calls_return_an_id_and_its_code() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    let first = create(&device, "deviceId=dummy").send().await.json(201);
    let id = first["id"].as_str().expect("an id");
    assert!(Uuid::try_parse(id).is_ok());

    let second = create(&device, &format!("deviceId={id}")).send().await.json(201);
    assert_eq!(second["info"]["deviceId"], BASE64_STANDARD.encode(id));
    assert_ne!(second["code"], first["code"]);
    assert_ne!(second["id"], first["id"]);

    let shown = second["code"].as_str().expect("a code");
    let read = server.codes().get_registration_code(request::get(shown)).await.expect("reads").into_inner();
    assert_eq!(read.registration_code.expect("a record").device_id, id);
}

#[tokio::test]
async fn the_id_dummy_is_not_shared_by_devices() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    let [one, other] = [create(&device, "deviceId=dummy"), create(&device, "deviceId=dummy")];
    let (one, other) = (one.send().await.json(201), other.send().await.json(201));
    assert_ne!(one["info"]["deviceId"], other["info"]["deviceId"]);
}

#[tokio::test]
async fn with_an_optional_id_the_records_id_is_the_device_key() {
    let server = TestServer::configured(|config| config.rest.device_id = DeviceIdRule::Optional);
    let device = Device::of(&server).await;
    for parameters in ["", "deviceId="] {
        let created = create(&device, parameters).send().await.json(201);
        let id = created["id"].as_str().expect("an id");
        assert_eq!(created["info"]["deviceId"], BASE64_STANDARD.encode(id), "{parameters}");
    }
}

#[tokio::test]
async fn a_missing_required_id_is_the_documented_error() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    for parameters in ["", "deviceId="] {
        let message = create(&device, parameters).send().await.error(400);
        assert_eq!(message, "Required 'deviceId' is not present", "{parameters}");
    }
}
