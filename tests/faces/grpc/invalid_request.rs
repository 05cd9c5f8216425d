//! Invalid requests: the error reports every violation at once, by field.

use base64::{Engine, engine::general_purpose::STANDARD};
use passbridge::proto::v1::{
    CreateRegistrationCodeRequest, DeviceInfo, GetRegistrationCodeRequest, LegacyParameters,
    NormalizeDeviceInfoRequest, WatchRegistrationCodeRequest, create_registration_code_request::Device,
};
use prost_types::Duration;
use tonic_types::StatusExt;

use crate::support::{
    request::{create, get, roku},
    status::violated,
    test_server::TestServer,
};

async fn violated_by(
    server: &TestServer,
    change: impl FnOnce(&mut CreateRegistrationCodeRequest),
) -> Vec<String> {
    let mut request = create();
    change(&mut request);
    violated(server.codes().create_registration_code(request).await)
}

fn with_wire(text: impl Into<String>) -> impl FnOnce(&mut CreateRegistrationCodeRequest) {
    let device = Device::XDeviceInfo(text.into());
    move |request| request.device = Some(device)
}

#[tokio::test]
async fn a_create_reports_every_violation_at_once() {
    let server = TestServer::start();
    let long = |bytes: usize| "x".repeat(bytes);
    let request = CreateRegistrationCodeRequest {
        requestor_id: "no spaces".to_owned(),
        environment: "nowhere".to_owned(),
        device_id: Some("dummy".to_owned()),
        device: None,
        user_agent: long(2_049),
        device_ip: "somewhere".to_owned(),
        device_port: 65_536,
        mvpd_id: "ümläut".to_owned(),
        ttl: Some(Duration { seconds: 0, nanos: 0 }),
        request_id: "1".to_owned(),
        domain_name: long(254),
        redirect_url: long(2_049),
        legacy: Some(LegacyParameters {
            device_type: long(513),
            device_user: long(513),
            app_id: long(513),
            app_version: long(513),
            registration_url: long(2049),
        }),
    };
    assert_eq!(
        violated(server.codes().create_registration_code(request).await),
        [
            "device",
            "device_id",
            "device_ip",
            "device_port",
            "domain_name",
            "environment",
            "legacy.app_id",
            "legacy.app_version",
            "legacy.device_type",
            "legacy.device_user",
            "legacy.registration_url",
            "mvpd_id",
            "redirect_url",
            "request_id",
            "requestor_id",
            "ttl",
            "user_agent",
        ]
    );
}

#[tokio::test]
async fn an_empty_create_names_the_required_fields() {
    let server = TestServer::start();
    let fields = violated_by(&server, |request| *request = CreateRegistrationCodeRequest::default()).await;
    assert_eq!(fields, ["device", "requestor_id"]);
}

#[tokio::test]
async fn a_get_reports_every_violation_at_once() {
    let server = TestServer::start();
    let request = GetRegistrationCodeRequest {
        requestor_id: String::new(),
        environment: "nowhere".to_owned(),
        code: String::new(),
        viewer_ip: "me".to_owned(),
    };
    let fields = violated(server.codes().get_registration_code(request).await);
    assert_eq!(fields, ["code", "environment", "requestor_id", "viewer_ip"]);
}

#[tokio::test]
async fn a_watch_reports_every_violation_at_once() {
    let server = TestServer::start();
    let request = WatchRegistrationCodeRequest {
        requestor_id: String::new(),
        environment: "nowhere".to_owned(),
        code: String::new(),
        id: Some("1".to_owned()),
        viewer_ip: "me".to_owned(),
    };
    let fields = violated(server.codes().watch_registration_code(request).await);
    assert_eq!(fields, ["code", "environment", "id", "requestor_id", "viewer_ip"]);
}

#[tokio::test]
async fn a_device_reports_every_violation_at_once() {
    let server = TestServer::start();
    let long = Some("x".repeat(1_025));
    let device = DeviceInfo { vendor: long.clone(), browser_name: long, ..DeviceInfo::default() };
    let fields = violated_by(&server, |request| request.device = Some(Device::DeviceInfo(device))).await;
    assert_eq!(
        fields,
        ["device_info.browser_name", "device_info.model", "device_info.os_name", "device_info.vendor"]
    );
}

#[tokio::test]
async fn the_connection_of_a_device_to_normalize_is_validated() {
    let server = TestServer::start();
    let request = NormalizeDeviceInfoRequest {
        device: None,
        user_agent: "x".repeat(2_049),
        device_ip: "somewhere".to_owned(),
        device_port: 70_000,
    };
    let fields = violated(server.devices().normalize_device_info(request).await);
    assert_eq!(fields, ["device", "device_ip", "device_port", "user_agent"]);
}

#[tokio::test]
async fn violations_are_truncated_to_what_a_trailer_holds() {
    let server = TestServer::start();
    // 21 fields are too long, and each description quotes the start of its value.
    let long = Some("ä".repeat(5_000));
    let device = DeviceInfo {
        primary_hardware_type: long.clone(),
        model: long.clone(),
        version: long.clone(),
        manufacturer: long.clone(),
        vendor: long.clone(),
        os_name: long.clone(),
        os_family: long.clone(),
        os_vendor: long.clone(),
        os_version: long.clone(),
        browser_name: long.clone(),
        browser_vendor: long.clone(),
        browser_version: long.clone(),
        user_agent: long.clone(),
        display_width: long.clone(),
        display_height: long.clone(),
        display_ppi: long.clone(),
        diagonal_screen_size: long.clone(),
        connection_ip: long.clone(),
        connection_port: long.clone(),
        connection_type: long.clone(),
        application_id: long,
        ..roku()
    };
    let request = CreateRegistrationCodeRequest { device: Some(Device::DeviceInfo(device)), ..create() };
    let status = server.codes().create_registration_code(request).await.expect_err("refused");
    assert!(status.details().len() < 4_096, "{}", status.details().len());
    let violations = status.get_details_bad_request().expect("carries BadRequest").field_violations;
    let metadata = status.get_details_error_info().expect("carries ErrorInfo").metadata;
    let omitted: usize = metadata["violations_omitted"].parse().expect("is a number");
    assert_eq!(violations.len() + omitted, 21);
    assert_eq!(metadata["details_cut"], "true");
}

#[tokio::test]
async fn a_device_id_is_1_to_2048_bytes_and_no_placeholder() {
    let server = TestServer::start();
    for wrong in ["dummy".to_owned(), String::new(), "x".repeat(2049), "ä".repeat(1025)] {
        let fields = violated_by(&server, |request| request.device_id = Some(wrong.clone())).await;
        assert_eq!(fields, ["device_id"], "{wrong:?}");
    }
    for right in ["x".repeat(2048), "ä".repeat(1024), "Dummy".to_owned()] {
        let request = CreateRegistrationCodeRequest { device_id: Some(right.clone()), ..create() };
        assert_eq!(server.created_by(request).await.device_id, right);
    }
}

#[tokio::test]
async fn a_ttl_is_whole_seconds_from_one_to_ten_hours() {
    let server = TestServer::start();
    for (seconds, nanos) in [
        (0, 0),
        (-1, 0),
        (0, -1),
        (-5, -500_000_000),
        (1, 1),
        (0, 500_000_000),
        (36_000, 1),
        (36_001, 0),
        (2, -1),
        (1, 2_000_000_000),
        (i64::MAX, 0),
        (i64::MIN, i32::MIN),
    ] {
        let fields = violated_by(&server, |request| request.ttl = Some(Duration { seconds, nanos })).await;
        assert_eq!(fields, ["ttl"], "{seconds} s {nanos} ns");
    }
}

#[tokio::test]
async fn a_name_is_1_to_128_letters_digits_dots_underscores_and_hyphens() {
    let server = TestServer::start();
    for wrong in ["a b", "ä", "a/b", "a\0b", "\u{202e}x", &"x".repeat(129)] {
        assert_eq!(
            violated_by(&server, |request| request.requestor_id = wrong.to_owned()).await,
            ["requestor_id"]
        );
        assert_eq!(violated_by(&server, |request| request.mvpd_id = wrong.to_owned()).await, ["mvpd_id"]);
        assert_eq!(
            violated_by(&server, |request| request.environment = wrong.to_owned()).await,
            ["environment"]
        );
    }
    let longest = format!("Az09._-{}", "x".repeat(121));
    let request =
        CreateRegistrationCodeRequest { requestor_id: longest.clone(), mvpd_id: longest.clone(), ..create() };
    assert_eq!(server.created_by(request).await.requestor_id, longest);
}

#[tokio::test]
async fn a_device_in_the_wire_form_must_be_base64_of_a_json_object() {
    let server = TestServer::start();
    for (what, text) in [
        ("empty", String::new()),
        ("no base64", "!!!".to_owned()),
        ("the JSON itself", r#"{"model":"X","osName":"Linux"}"#.to_owned()),
        ("no JSON", STANDARD.encode("model=X")),
        ("an array", STANDARD.encode("[1]")),
        ("text", STANDARD.encode("\"X\"")),
        ("null", STANDARD.encode("null")),
        ("half an object", STANDARD.encode(r#"{"model":"X","#)),
        ("two objects", STANDARD.encode("{}{}")),
        ("not UTF-8", STANDARD.encode(b"{\"model\":\"\xff\"}")),
    ] {
        assert_eq!(violated_by(&server, with_wire(text)).await, ["x_device_info"], "{what}");
    }
}

#[tokio::test]
async fn a_hundred_thousand_nested_brackets_are_refused() {
    let server = TestServer::start();
    let brackets = "[".repeat(100_000);
    let fits = format!(r#"{{"model":"X","osName":"Linux","key":{}"#, &brackets[..40_000]);
    assert_eq!(violated_by(&server, with_wire(STANDARD.encode(fits))).await, ["x_device_info"]);
    let whole = format!(r#"{{"model":"X","osName":"Linux","key":{brackets}"#);
    assert_eq!(violated_by(&server, with_wire(STANDARD.encode(whole))).await, ["x_device_info"]);
}

#[tokio::test]
async fn a_megabyte_of_device_information_is_refused() {
    let server = TestServer::start();
    let json = format!(r#"{{"model":"X","osName":"Linux","key":"{}"}}"#, "x".repeat(1 << 20));
    assert_eq!(violated_by(&server, with_wire(STANDARD.encode(json))).await, ["x_device_info"]);
}

#[tokio::test]
async fn a_typed_device_of_a_megabyte_is_refused() {
    let server = TestServer::start();
    let device = DeviceInfo { model: Some("x".repeat(1 << 20)), ..roku() };
    let fields = violated_by(&server, |request| request.device = Some(Device::DeviceInfo(device))).await;
    assert_eq!(fields, ["device_info.model"]);
}

#[tokio::test]
async fn a_code_with_control_characters_or_too_long_is_refused() {
    let server = TestServer::start();
    for wrong in ["BCD\0FGH", "\0", "BCDFGH\u{7f}", &"B".repeat(257), "", "   ", "---"] {
        let fields = violated(server.codes().get_registration_code(get(wrong)).await);
        assert_eq!(fields, ["code"], "{wrong:?}");
    }
}

#[tokio::test]
async fn an_error_does_not_repeat_an_oversized_value() {
    let server = TestServer::start();
    let mut request = create();
    request.mvpd_id = "secret".repeat(100);
    let status = server.codes().create_registration_code(request).await.expect_err("refused");
    assert!(!status.message().contains("secretsecretsecret"), "{}", status.message());
}
