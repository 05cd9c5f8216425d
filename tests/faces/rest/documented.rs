//! The documents' samples, field by field, and the flow of a client that is written from the documents alone.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use passbridge::admin::StatementCommand;
use serde_json::json;
use uuid::uuid;

use crate::support::{
    http::call,
    rest::{DEVICE_INFO, Device, access_token, mint, statement_command},
    test_server::{START, TestServer},
};

/// The normalized form of the documents' sample.
const NORMALIZED: &str = include_str!("../../golden/device_info/sample.normalized");

const USER_AGENT: &str = "Mozilla/5.0 (Linux; Android 7.1.2; AFTMM Build/NS6297; wv) AppleWebKit/537.36 (KHTML, like \
                          Gecko) Version/4.0 Chrome/112.0.5615.197 Mobile Safari/537.36 AdobePassNativeFireTV/3.0.8";

/// The sample's creation time, in milliseconds since 1970.
const GENERATED: u64 = 1_704_963_921_144;

/// A server at the sample's creation time that draws the sample's id and code next.
async fn sample_server() -> (TestServer, String) {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let server = TestServer::configured(|config| config.codes.alphabet = ALPHABET.to_owned());
    server.clock.advance(Duration::from_millis(GENERATED - START));
    let application = StatementCommand {
        requestors: vec!["sampleRequestorId".to_owned()],
        software_id: "14138364-application-id".to_owned(),
        client_name: "application name".to_owned(),
        software_version: "1.0.0".to_owned(),
        ..StatementCommand::default()
    };
    let token = access_token(&server, application).await;
    let id = uuid!("ef5a79e8-7c8a-41d6-a45a-e378c6c7c8b5");
    server.randomness.draw_record(id.into_bytes(), "IYQD5JQ", ALPHABET);
    (server, token)
}

/// The request that yields the sample's response.
fn sample_request(server: &TestServer, token: &str) -> crate::support::http::Call {
    let device_info = json!({
        "primaryHardwareType": "SetTopBox", "model": "AFTMM", "manufacturer": "Roku", "osName": "Android",
        "osFamily": "Android", "osVendor": "Amazon", "osVersion": "7.1.2", "browserName": "Chrome",
        "browserVendor": "Google", "browserVersion": "112.0.5615.197", "connectionPort": "9934",
        "connectionSecure": false,
    });
    call(
        server.rest_address(),
        "POST",
        "/reggie/v1/sampleRequestorId/regcode?deviceId=so-devid-003&mvpd=sampleMvpdId",
    )
    .header("authorization", format!("Bearer {token}"))
    .header("x-device-info", BASE64_STANDARD.encode(device_info.to_string()))
    .header("x-forwarded-for", "193.105.140.131")
    .header("user-agent", USER_AGENT)
}

#[tokio::test]
async fn the_json_sample_matches_field_by_field() {
    let (server, token) = sample_server().await;
    let answer = sample_request(&server, &token).header("accept", "application/json").send().await;
    answer.json(201);
    let device_info = BASE64_STANDARD.encode(NORMALIZED.trim_end());
    // Compact, with the fields in the order of the documents.
    let expected = format!(
        "{{\"id\":\"ef5a79e8-7c8a-41d6-a45a-e378c6c7c8b5\",\"code\":\"IYQD5JQ\",\"requestor\":\"sampleRequestorId\",\
         \"mvpd\":\"sampleMvpdId\",\"generated\":1704963921144,\"expires\":1704965721144,\"info\":{{\
         \"deviceId\":\"c28tZGV2aWQtMDAz\",\"deviceInfo\":\"{device_info}\",\"userAgent\":\"{USER_AGENT}\",\
         \"originalUserAgent\":\"{USER_AGENT}\",\"authorizationType\":\"OAUTH2\",\"sourceApplicationInformation\":{{\
         \"id\":\"14138364-application-id\",\"name\":\"application name\",\"version\":\"1.0.0\"}}}}}}"
    );
    assert_eq!(answer.body, expected);
}

#[tokio::test]
async fn the_xml_sample_matches_in_namespace_order_and_declaration() {
    let (server, token) = sample_server().await;
    let answer = sample_request(&server, &token).header("accept", "application/xml").send().await;
    let device_info = BASE64_STANDARD.encode(NORMALIZED.trim_end());
    let expected = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\
         <ns2:regcode xmlns:ns2=\"model.mvc.reggie.pass.adobe.com\">\
         <id>ef5a79e8-7c8a-41d6-a45a-e378c6c7c8b5</id><code>IYQD5JQ</code><requestor>sampleRequestorId</requestor>\
         <mvpd>sampleMvpdId</mvpd><generated>1704963921144</generated><expires>1704965721144</expires><info>\
         <deviceId>c28tZGV2aWQtMDAz</deviceId><deviceInfo>{device_info}</deviceInfo>\
         <userAgent>{USER_AGENT}</userAgent><originalUserAgent>{USER_AGENT}</originalUserAgent>\
         <authorizationType>OAUTH2</authorizationType><sourceApplicationInformation>\
         <id>14138364-application-id</id><name>application name</name><version>1.0.0</version>\
         </sourceApplicationInformation></info></ns2:regcode>"
    );
    assert_eq!(answer.xml(201), expected);
}

#[tokio::test]
async fn the_documented_error_matches_in_both_formats() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    let create = || device.call("POST", "/reggie/v1/REF/regcode").header("x-device-info", DEVICE_INFO);
    let json = create().header("accept", "application/json").send().await;
    json.json(400);
    assert_eq!(json.body, r#"{"status":400,"message":"Required 'deviceId' is not present"}"#);
    let xml = create().header("accept", "application/xml").send().await;
    assert_eq!(
        xml.xml(400),
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\
         <ns2:error xmlns:ns2=\"rest.pass.adobe.com\"><status>400</status>\
         <message>Required 'deviceId' is not present</message></ns2:error>"
    );
}

/// Register, token, create, read, delete: only with paths, parameters and fields of the documents.
#[tokio::test]
async fn a_client_written_from_the_documents_completes_the_flow() {
    let server = TestServer::start();
    let address = server.rest_address();
    let statement = mint(&server, statement_command()).await;

    let registration = json!({ "software_statement": statement, "redirect_uri": "app://com.programmer.tv" });
    let registered = call(address, "POST", "/o/client/register")
        .header("content-type", "application/json")
        .header("x-device-info", DEVICE_INFO)
        .body(registration.to_string())
        .send()
        .await
        .json(201);
    assert_eq!(registered["client_id_issued_at"], START / 1000);
    assert_eq!(registered["redirect_uris"], json!(["app://com.programmer.tv"]));
    assert_eq!(registered["grant_types"], json!(["client_credentials"]));
    assert!(registered["scopes"].is_array());

    let [client_id, client_secret] =
        ["client_id", "client_secret"].map(|key| registered[key].as_str().expect("text"));
    let issued = call(address, "POST", "/o/client/token")
        .header("x-device-info", DEVICE_INFO)
        .form(format!("client_id={client_id}&client_secret={client_secret}&grant_type=client_credentials"))
        .send()
        .await
        .json(201);
    assert_eq!(issued["token_type"], "bearer");
    assert_eq!((&issued["created_at"], &issued["expires_in"]), (&json!(START), &json!(21_600)));
    assert!(uuid::Uuid::try_parse(issued["id"].as_str().expect("text")).is_ok());

    let bearer = format!("Bearer {}", issued["access_token"].as_str().expect("a token"));
    let created = call(address, "POST", "/reggie/v1/REF/regcode?deviceId=hashed-id&ttl=3600")
        .header("authorization", &bearer)
        .header("accept", "application/json")
        .header("x-device-info", DEVICE_INFO)
        .send()
        .await
        .json(201);
    assert_eq!(created["expires"].as_u64(), Some(START + 3_600_000));
    assert_eq!(created.get("mvpd"), None, "an mvpd that was not sent is omitted");

    let path = format!("/reggie/v1/REF/regcode/{}", created["code"].as_str().expect("a code"));
    let on = |method| {
        call(address, method, &path).header("authorization", &bearer).header("accept", "application/json")
    };
    assert_eq!(on("GET").send().await.json(200), created);
    let deleted = on("DELETE").send().await;
    assert_eq!((deleted.status.as_u16(), deleted.body.as_str()), (204, ""));
    on("GET").send().await.error(404);
    on("DELETE").send().await.error(404);
}
