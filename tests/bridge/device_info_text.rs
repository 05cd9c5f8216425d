//! The provider's encoded device information: what version 1 issued is returned unchanged.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use passbridge::{config::BackendKind, proto::v1::RegistrationCode};
use serde_json::{Value, json};

use crate::support::{
    DEVICE_IP, create, environment,
    provider::Provider,
    request::get,
    rest::Device,
    statement_file,
    test_server::{START, TestServer},
};

/// JSON that our encoder would not write: spaces, an unknown key, another order, and characters that yield `-` and `_` in the
/// URL-safe alphabet.
const JSON: &str =
    r#"{ "novelty" : ["???", ">>>"],  "operatingSystem":{"name":"Roku OS"} , "model":"Odd Box" }"#;

fn texts() -> [String; 3] {
    let wrapped =
        STANDARD.encode(JSON).as_bytes().chunks(76).map(|line| [line, b"\n"].concat()).collect::<Vec<_>>();
    let url_safe = URL_SAFE_NO_PAD.encode(JSON);
    assert!(url_safe.contains(['-', '_']) && !JSON.len().is_multiple_of(3), "{url_safe}");
    [STANDARD.encode(JSON), url_safe, String::from_utf8(wrapped.concat()).expect("ASCII")]
}

/// The encoded text, which must be the provider's, and the model.
fn of_grpc(record: Option<RegistrationCode>) -> (String, String) {
    let record = record.expect("present");
    (record.encoded_device_info, record.device_info.expect("present").model)
}

fn of_rest(record: &Value) -> &str {
    record["info"]["deviceInfo"].as_str().expect("text")
}

async fn read(server: &TestServer, code: &str) -> (String, String) {
    of_grpc(
        server.codes().get_registration_code(get(code)).await.expect("reads").into_inner().registration_code,
    )
}

#[tokio::test]
async fn the_device_information_of_a_code_is_the_providers_text_byte_for_byte() {
    for text in texts() {
        let provider = Provider::start();
        provider.set_clock(START).await;
        let statement = statement_file("the.statement");
        let folder = tempfile::tempdir().expect("a folder");
        let url = provider.url();
        let serve = |folder: Option<&tempfile::TempDir>| {
            TestServer::configured(|config| {
                environment(config, &url, BackendKind::V1, statement.path());
                if let Some(folder) = folder {
                    config.store.path = folder.path().to_owned();
                }
            })
        };
        let merged = json!({ "info": { "deviceInfo": text } });
        provider.fault(json!({ "path": "/reggie/", "merge": merged })).await;
        let theirs = (text.clone(), "Odd Box".to_owned());

        let server = serve(Some(&folder));
        let mut request = create();
        request.request_id = "f81d4fae-7dec-41d0-a765-00a0c91e6bf6".to_owned();
        let mut codes = server.codes();
        let mut ask =
            async || codes.create_registration_code(request.clone()).await.expect("creates").into_inner();
        let created = ask().await.registration_code;
        let code = created.clone().expect("present").code;
        assert_eq!(of_grpc(created), theirs, "created");
        assert_eq!(of_grpc(ask().await.registration_code), theirs, "the stored response");
        assert_eq!(read(&server, &code).await, theirs, "read");

        let device = Device::of(&server).await;
        assert_eq!(of_rest(&device.read(&code).send().await.json(200)), text, "read over REST");
        let create = device.create("mvpd=m1").header("x-forwarded-for", DEVICE_IP);
        let created = create.send().await.json(201);
        assert_eq!(of_rest(&created), text, "created over REST");
        assert_eq!(
            read(&server, created["code"].as_str().expect("a code")).await,
            theirs,
            "the code created over REST"
        );
        server.ended().await;

        let later = serve(Some(&folder));
        assert_eq!(read(&later, &code).await, theirs, "after a restart");
        let other = serve(None);
        assert_eq!(read(&other, &code).await, theirs, "by a server without a shadow of the code");
        let device = Device::of(&other).await;
        assert_eq!(of_rest(&device.read(&code).send().await.json(200)), text, "by the same server over REST");
    }
}

#[tokio::test]
async fn too_long_or_missing_device_information_of_the_provider_is_replaced_by_ours() {
    let too_long = STANDARD.encode(format!(r#"{{"model":"{}"}}"#, "x".repeat(64 * 1024)));
    for text in [json!(too_long), json!(null), json!({})] {
        let bridge = crate::support::Bridge::over(BackendKind::V1).await;
        let merged = json!({ "info": { "deviceInfo": text } });
        bridge.provider.fault(json!({ "path": "/reggie/", "merge": merged })).await;
        let created = bridge.created().await;
        let json = STANDARD.decode(&created.encoded_device_info).expect("base64");
        let json: Value = serde_json::from_slice(&json).expect("JSON");
        assert_eq!(json["model"], "Roku");
        assert_eq!(
            read(&bridge.server, &created.code).await,
            (created.encoded_device_info, "Roku".to_owned())
        );
    }
}
