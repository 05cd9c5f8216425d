//! Device information: the sample of the source documents, and the service's four methods.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use passbridge::proto::v1::{
    CreateRegistrationCodeRequest, DecodeDeviceInfoRequest, DeviceInfo, EncodeDeviceInfoRequest,
    HashAlgorithm, HashIdentifierRequest, NormalizeDeviceInfoRequest, WarningReason,
    create_registration_code_request, normalize_device_info_request::Device,
};
use prost_types::{ListValue, Struct, Value, value::Kind};
use serde_json::json;

use crate::support::{
    request::{create, roku},
    status::violated,
    test_server::TestServer,
};

const SAMPLE: &str = include_str!("../../golden/device_info/sample.normalized");
const SAMPLE_DEVICE: &str = include_str!("../../golden/device_info/fire_tv_sample_explicit.json");

/// The sample's device in the wire form, and its User-Agent.
fn sample() -> (String, String) {
    let sample: serde_json::Value = serde_json::from_str(SAMPLE_DEVICE).expect("JSON");
    let user_agent = sample["user_agent"].as_str().expect("text").to_owned();
    (STANDARD.encode(sample["device_info"].to_string()), user_agent)
}

fn typed_sample() -> DeviceInfo {
    DeviceInfo {
        primary_hardware_type: Some("SetTopBox".to_owned()),
        model: Some("AFTMM".to_owned()),
        manufacturer: Some("Roku".to_owned()),
        os_name: Some("Android".to_owned()),
        os_family: Some("Android".to_owned()),
        os_vendor: Some("Amazon".to_owned()),
        os_version: Some("7.1.2".to_owned()),
        connection_ip: Some("193.105.140.131".to_owned()),
        connection_port: Some("9934".to_owned()),
        ..DeviceInfo::default()
    }
}

fn decoded(encoded: &str) -> String {
    String::from_utf8(STANDARD.decode(encoded).expect("base64")).expect("UTF-8")
}

async fn normalized(device: Device, user_agent: &str) -> String {
    let server = TestServer::start();
    let request = NormalizeDeviceInfoRequest {
        device: Some(device),
        user_agent: user_agent.to_owned(),
        ..NormalizeDeviceInfoRequest::default()
    };
    let answer = server.devices().normalize_device_info(request).await.expect("normalizes").into_inner();
    decoded(&answer.encoded)
}

#[tokio::test]
async fn the_sample_of_the_source_documents_normalizes_to_its_own_json() {
    let (wire, user_agent) = sample();
    assert_eq!(normalized(Device::XDeviceInfo(wire), &user_agent).await, SAMPLE.trim_end());
}

#[tokio::test]
async fn the_typed_sample_normalizes_to_the_same_json() {
    let (_, user_agent) = sample();
    assert_eq!(normalized(Device::DeviceInfo(typed_sample()), &user_agent).await, SAMPLE.trim_end());
}

#[tokio::test]
async fn a_code_keeps_the_sample_as_its_own_json() {
    let server = TestServer::start();
    let (wire, user_agent) = sample();
    let device = Some(create_registration_code_request::Device::XDeviceInfo(wire));
    let created = server.created_by(CreateRegistrationCodeRequest { device, user_agent, ..create() }).await;
    assert_eq!(decoded(&created.encoded_device_info), SAMPLE.trim_end());
}

#[tokio::test]
async fn the_normalized_message_equals_the_json() {
    let server = TestServer::start();
    let (wire, user_agent) = sample();
    let request = NormalizeDeviceInfoRequest {
        device: Some(Device::XDeviceInfo(wire)),
        user_agent: user_agent.clone(),
        ..NormalizeDeviceInfoRequest::default()
    };
    let answer = server.devices().normalize_device_info(request).await.expect("normalizes").into_inner();
    let message = answer.normalized.expect("normalized");
    assert_eq!((message.r#type.as_str(), message.model.as_str()), ("SetTopBox", "AFTMM"));
    let hardware = message.hardware.expect("hardware");
    assert_eq!((hardware.vendor.as_str(), hardware.manufacturer.as_deref()), ("Unknown", Some("Roku")));
    let system = message.operating_system.expect("a system");
    assert_eq!((system.name.as_str(), system.vendor.as_deref()), ("Android", Some("Amazon")));
    let version = system.version.expect("a version");
    assert_eq!((version.major, version.minor, version.patch), (7, 1, 2));
    let browser = message.browser.expect("a browser");
    assert_eq!(browser.name.as_deref(), Some("Chrome"));
    assert_eq!(browser.original_user_agent, Some(user_agent));
    let version = browser.version.expect("a version");
    assert_eq!((version.major, version.minor, version.patch), (112, 0, 5615));
    let display = message.display.expect("a display");
    assert_eq!((display.width, display.height, display.ppi, display.name.as_str()), (0, 0, 0, "DISPLAY"));
    assert_eq!((display.vendor, display.version, display.diagonal_size), (None, None, None));
    assert_eq!(message.application_id, None);
    let connection = message.connection.expect("a connection");
    assert_eq!(connection.ip_address.as_deref(), Some("193.105.140.131"));
    assert_eq!(
        (connection.port.as_deref(), connection.secure, connection.r#type),
        (Some("9934"), false, None)
    );
}

#[tokio::test]
async fn missing_device_values_come_from_the_connection() {
    let server = TestServer::start();
    let request = NormalizeDeviceInfoRequest {
        device: Some(Device::DeviceInfo(roku())),
        device_ip: "2001:db8::7".to_owned(),
        device_port: 443,
        ..NormalizeDeviceInfoRequest::default()
    };
    let answer = server.devices().normalize_device_info(request).await.expect("normalizes").into_inner();
    let connection = answer.normalized.expect("normalized").connection.expect("a connection");
    assert_eq!(connection.ip_address.as_deref(), Some("2001:db8::7"));
    assert_eq!(connection.port.as_deref(), Some("443"));
}

#[tokio::test]
async fn url_safe_base64_without_padding_is_accepted() {
    let server = TestServer::start();
    let json = json!({ "model": "Roku?>?>~~~", "osName": "Roku OS" }).to_string();
    let wire = URL_SAFE_NO_PAD.encode(json);
    assert!(wire.contains(['-', '_']), "the sample must use the URL-safe alphabet");
    let request = DecodeDeviceInfoRequest { x_device_info: wire };
    let answer = server.devices().decode_device_info(request).await.expect("decodes").into_inner();
    assert_eq!(answer.device_info.expect("device information").model.as_deref(), Some("Roku?>?>~~~"));
}

#[tokio::test]
async fn unusual_values_are_kept_and_reported_by_path() {
    let server = TestServer::start();
    let json = json!({ "type": "TV", "model": "X", "osName": "Fire OS", "vendor": 7, "shoeSize": 43 });
    let request = DecodeDeviceInfoRequest { x_device_info: STANDARD.encode(json.to_string()) };
    let answer = server.devices().decode_device_info(request).await.expect("decodes").into_inner();
    let mut warnings: Vec<_> =
        answer.warnings.iter().map(|warning| (warning.field.as_str(), warning.reason())).collect();
    warnings.sort_by_key(|(field, _)| *field);
    assert_eq!(
        warnings,
        [
            ("x_device_info.osName", WarningReason::UnlistedValue),
            ("x_device_info.shoeSize", WarningReason::UnknownKey),
            ("x_device_info.type", WarningReason::AliasedKey),
            ("x_device_info.vendor", WarningReason::UnexpectedType),
        ]
    );
    let info = answer.device_info.expect("device information");
    assert_eq!(info.os_name.as_deref(), Some("Fire OS"));
    assert_eq!(info.vendor.as_deref(), Some("7"));
    assert_eq!(info.primary_hardware_type.as_deref(), Some("TV"));
    let additional = info.additional.expect("unknown keys are kept");
    assert_eq!(additional.fields["shoeSize"].kind, Some(Kind::NumberValue(43.0)));
}

#[tokio::test]
async fn encoding_and_decoding_round_trips_with_unknown_keys() {
    let server = TestServer::start();
    let values = [
        ("text", Kind::StringValue("ü\u{1f4fa}".to_owned())),
        ("whole", Kind::NumberValue(4.0)),
        ("fraction", Kind::NumberValue(-0.5)),
        ("flag", Kind::BoolValue(true)),
        ("nothing", Kind::NullValue(0)),
        ("nested", nested(3)),
    ];
    let fields = values.into_iter().map(|(key, kind)| (key.to_owned(), Value { kind: Some(kind) })).collect();
    let info =
        DeviceInfo { additional: Some(Struct { fields }), connection_secure: Some(true), ..typed_sample() };
    let request = EncodeDeviceInfoRequest { device_info: Some(info.clone()) };
    let encoded = server.devices().encode_device_info(request).await.expect("encodes").into_inner();
    let json: serde_json::Value = serde_json::from_str(&decoded(&encoded.x_device_info)).expect("JSON");
    assert_eq!(json["osName"], "Android");
    assert_eq!(json["connectionSecure"], true);
    assert_eq!(json["whole"], 4, "not 4.0");
    let request = DecodeDeviceInfoRequest { x_device_info: encoded.x_device_info };
    let answer = server.devices().decode_device_info(request).await.expect("decodes").into_inner();
    assert_eq!(answer.device_info, Some(info));
}

/// Lists nested to this many levels.
fn nested(levels: usize) -> Kind {
    (1..levels).fold(Kind::ListValue(ListValue::default()), |inner, _| {
        Kind::ListValue(ListValue { values: vec![Value { kind: Some(inner) }] })
    })
}

fn with_additional(kind: Kind) -> EncodeDeviceInfoRequest {
    let additional = Struct { fields: [("key".to_owned(), Value { kind: Some(kind) })].into() };
    EncodeDeviceInfoRequest { device_info: Some(DeviceInfo { additional: Some(additional), ..roku() }) }
}

#[tokio::test]
async fn additional_keys_nest_up_to_sixteen_levels() {
    let server = TestServer::start();
    // The object itself is the first level.
    let request = with_additional(nested(15));
    let encoded = server.devices().encode_device_info(request).await.expect("16 levels").into_inner();
    let request = DecodeDeviceInfoRequest { x_device_info: encoded.x_device_info };
    server.devices().decode_device_info(request).await.expect("16 levels");

    let refused = server.devices().encode_device_info(with_additional(nested(16))).await;
    assert_eq!(violated(refused), ["device_info.additional"]);
}

#[tokio::test]
async fn the_wire_form_nests_up_to_sixteen_levels() {
    let server = TestServer::start();
    let request = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        let json = format!(r#"{{"model":"X","osName":"Linux","key":{open}{close}}}"#);
        DecodeDeviceInfoRequest { x_device_info: STANDARD.encode(json) }
    };
    server.devices().decode_device_info(request(15)).await.expect("16 levels");
    assert_eq!(violated(server.devices().decode_device_info(request(16)).await), ["x_device_info"]);
}

#[tokio::test]
async fn numbers_without_a_json_form_are_refused() {
    let server = TestServer::start();
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let refused = server.devices().encode_device_info(with_additional(Kind::NumberValue(number))).await;
        assert_eq!(violated(refused), ["device_info.additional"], "{number}");
    }
}

async fn digest(server: &TestServer, value: &str, algorithm: i32) -> Result<String, tonic::Status> {
    let request = HashIdentifierRequest { value: value.to_owned(), algorithm };
    server.devices().hash_identifier(request).await.map(|answer| answer.into_inner().digest)
}

#[tokio::test]
async fn identifiers_are_hashed_with_sha256_as_the_source_documents_show() {
    let server = TestServer::start();
    const DOCUMENTED: &str = "f7ee5ec7312165148b69fcca1d29075b14b8aef0b5048a332b18b88d09069fb7";
    for algorithm in [HashAlgorithm::Unspecified, HashAlgorithm::Sha256] {
        let digest = digest(&server, "user@domain.com", algorithm.into()).await;
        assert_eq!(digest.expect("hashes"), DOCUMENTED, "{algorithm:?}");
    }
}

#[tokio::test]
async fn identifiers_are_hashed_with_sha512_on_request() {
    let server = TestServer::start();
    assert_eq!(
        digest(&server, "user@domain.com", HashAlgorithm::Sha512.into()).await.expect("hashes"),
        "a85661c68db24d906268a9a8550e35e0d090c4ce0b83083c3250e0c4050dd270\
         710f1c5bc8dce4afcd14bd6735a7f9e540a8e62ff065904911ed5b7218c28ae5"
    );
}

#[tokio::test]
async fn identifiers_are_hashed_as_given_without_folding_or_trimming() {
    let server = TestServer::start();
    let plain = digest(&server, "user@domain.com", 0).await.expect("hashes");
    for other in ["User@domain.com", " user@domain.com", "user@domain.com\n"] {
        assert_ne!(digest(&server, other, 0).await.expect("hashes"), plain, "{other:?}");
    }
}

#[tokio::test]
async fn an_unknown_hash_algorithm_is_refused() {
    let server = TestServer::start();
    assert_eq!(violated(digest(&server, "user@domain.com", 9).await), ["algorithm"]);
}

#[tokio::test]
async fn an_empty_or_oversized_identifier_is_refused() {
    let server = TestServer::start();
    assert_eq!(violated(digest(&server, "", 0).await), ["value"]);
    assert_eq!(violated(digest(&server, &"x".repeat(1_025), 0).await), ["value"]);
    digest(&server, &"x".repeat(1_024), 0).await.expect("the longest");
}

#[tokio::test]
async fn model_and_system_are_required_in_every_form() {
    let server = TestServer::start();
    let request = EncodeDeviceInfoRequest { device_info: Some(DeviceInfo::default()) };
    let typed = server.devices().encode_device_info(request).await;
    assert_eq!(violated(typed), ["device_info.model", "device_info.os_name"]);
    let request = DecodeDeviceInfoRequest { x_device_info: STANDARD.encode("{}") };
    let wire = server.devices().decode_device_info(request).await;
    assert_eq!(violated(wire), ["x_device_info.model", "x_device_info.osName"]);
    let nothing = server.devices().encode_device_info(EncodeDeviceInfoRequest::default()).await;
    assert_eq!(violated(nothing), ["device_info"]);
}
