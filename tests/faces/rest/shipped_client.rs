//! Requests of clients in the field that differ from the documents.

use passbridge::{
    config::DeviceInfoRule,
    proto::v1::{GetTempPassRequest, temp_pass::State},
};

use crate::{
    grpc::temp_pass::authorize,
    support::{
        http::{Call, call},
        request,
        rest::{DEVICE_INFO, Device, access_token, statement_command},
        test_server::TestServer,
    },
};

const CREATE: &str = "/reggie/v1/REF/regcode.json?deviceId=device";
const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn a_body_that_is_not_a_form_is_ignored_if_the_query_is_complete() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    for (media_type, body) in [
        (FORM, "{}"),
        (FORM, "null"),
        ("application/json", "{}"),
        ("Application/JSON; charset=utf-8", "null"),
        ("application/json", " \r\n"),
        ("application/json", "{\"ttl\": 60}"),
        ("text/plain", "hello"),
    ] {
        let with = |call: Call| call.header("content-type", media_type).body(body);
        let record = with(device.create("")).send().await.json(201);
        let code = record["code"].as_str().expect("a code");
        assert_eq!(with(device.delete(code)).send().await.status, 204, "{media_type}: {body}");
    }
    let incomplete =
        device.call("POST", "/reggie/v1/REF/regcode.json").header("content-type", "application/json");
    let message = incomplete.body("{\"deviceId\": \"device\"}").send().await.error(400);
    assert!(message.contains("deviceId") && message.contains("not a form"), "{message}");
}

#[tokio::test]
async fn a_body_that_may_name_a_device_never_makes_a_reset_cover_all() {
    let server = TestServer::start();
    let mut command = statement_command();
    command.permissions = ["temp_passes.reset", "temp_passes.reset_all"].map(str::to_owned).into();
    let support = Device { server: &server, token: access_token(&server, command).await };
    server
        .temp_passes()
        .authorize_temp_pass(authorize("TempPass", "a", None, "1"))
        .await
        .expect("authorizes");
    let path = "/reset-tempass/v3/reset?requestor_id=REF&mvpd_id=TempPass&format=json";
    let reset = |path: &str, media_type: &str, body: &'static str| {
        support.call("DELETE", path).header("content-type", media_type).body(body).send()
    };
    for media_type in [FORM, "application/json", "text/plain"] {
        for body in ["{\"device_id\": \"a\"}", "\"a\"", "a", "[\"a\"]", "{", "device_id: a", "null null"] {
            let answer = reset(path, media_type, body).await;
            assert_eq!(answer.status, 400, "{media_type}: {body}");
        }
    }
    let request = GetTempPassRequest {
        requestor_id: "REF".to_owned(),
        mvpd_id: "TempPass".to_owned(),
        device_id: "a".to_owned(),
        ..GetTempPassRequest::default()
    };
    let trial = server.temp_passes().get_temp_pass(request).await.expect("answers").into_inner();
    assert_eq!(trial.temp_pass.expect("present").state(), State::Active);
    for body in ["{}", "null", ""] {
        let answer = reset(&format!("{path}&device_id=a"), "application/json", body).await;
        assert_eq!(answer.status, 204, "{body:?}");
    }
}

#[tokio::test]
async fn a_form_may_have_an_access_token_beside_device_information() {
    let server = TestServer::start();
    let Device { token, .. } = Device::of(&server).await;
    let post = |form: String| call(server.rest_address(), "POST", CREATE).form(form);
    let form = format!("access_token={token}&device_info={DEVICE_INFO}");
    let record = post(form.clone()).send().await.json(201);
    assert_eq!(record["info"]["authorizationType"], "OAUTH2");
    let padded = format!("{form}&registrationURL={}", "a".repeat(2_000));
    post(padded).send().await.json(201);

    let twice = post(form.clone()).header("authorization", format!("Bearer {token}")).send().await;
    twice.error(400);
    assert_eq!(twice.header("www-authenticate"), "Bearer error=\"invalid_request\"");
    post(format!("{form}&access_token={token}")).send().await.error(400);
    post("access_token=made-up".to_owned()).send().await.error(401);
    let in_query = format!("{CREATE}&access_token={token}&device_info={DEVICE_INFO}");
    call(server.rest_address(), "POST", &in_query).send().await.error(401);
    let code = record["code"].as_str().expect("a code");
    let delete = call(server.rest_address(), "DELETE", &format!("/reggie/v1/REF/regcode/{code}.json"));
    delete.form(form.clone()).send().await.error(401);
    let untyped = call(server.rest_address(), "POST", CREATE).body(form);
    untyped.send().await.error(401);
}

#[tokio::test]
async fn device_information_may_be_configured_as_optional() {
    for (rule, status) in [(DeviceInfoRule::Required, 400), (DeviceInfoRule::Optional, 201)] {
        let server = TestServer::configured(|config| config.rest.device_info = rule);
        let device = Device::of(&server).await;
        assert_eq!(device.call("POST", CREATE).send().await.status, status, "{rule:?}");
    }
}

#[tokio::test]
async fn repeated_slashes_and_needless_percent_encoding_are_tolerated() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    for path in [
        "//reggie/v1/REF/regcode.json?deviceId=device",
        "/reggie/v1/REF/regcode.json/?deviceId=device",
        "//reggie/v1/REF/regcode/?deviceId=device&format=json",
        "/reggie/v1//REF//regcode.json?deviceId=device",
        "/reggie/v1/R%45%46/regcode%2Ejson?deviceId=device",
        "/%72eggie/v1/REF/regcode%2ejson/?deviceId=device",
    ] {
        let record = device.call("POST", path).header("x-device-info", DEVICE_INFO).send().await.json(201);
        let code = record["code"].as_str().expect("a code");
        for read in [
            format!("//reggie/v1/REF/regcode/{code}.json/"),
            format!("/reggie/v1/REF/regcode//{code}%2Ejson"),
        ] {
            assert_eq!(device.call("GET", &read).send().await.json(200), record, "{path}");
        }
    }
    device.call("GET", "//elsewhere/?format=json").send().await.error(404);
}

#[tokio::test]
async fn an_encoded_slash_does_not_split_a_path_and_dot_segments_are_refused() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    let create = |path: &str| {
        let path = format!("{path}?deviceId=device&format=json");
        device.call("POST", &path).header("x-device-info", DEVICE_INFO).send()
    };
    for path in ["/reggie/v1/RE%2FF/regcode", "/reggie/v1/REF%20/regcode", "/reggie/v1/REF%zz/regcode"] {
        let message = create(path).await.error(400);
        assert!(message.starts_with("requestor: "), "{path}: {message}");
    }
    create("/reggie/v1/REF%2Fregcode").await.error(404);
    let code = device.created().await;
    device.read(&format!("{}%2F{}", &code[..3], &code[3..])).send().await.error(404);
    for path in [
        "/reggie/v1/./REF/regcode",
        "/reggie/v1/OTHER/../REF/regcode",
        "/reggie/v1/%2E%2e/regcode",
        "/elsewhere/%2e",
    ] {
        let message = create(path).await.error(400);
        assert!(message.starts_with("path: "), "{path}: {message}");
    }
}

#[tokio::test]
async fn a_long_platform_token_identifies_a_device_on_both_faces() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    let id = "\u{fc}".repeat(1_024);
    let encoded = "%C3%BC".repeat(1_024);
    let create = |id: &str| {
        let path = format!("/reggie/v1/REF/regcode.json?deviceId={id}");
        device.call("POST", &path).header("x-device-info", DEVICE_INFO)
    };
    let record = create(&encoded).send().await.json(201);
    let code = record["code"].as_str().expect("a code");
    let read = server.codes().get_registration_code(request::get(code)).await.expect("reads").into_inner();
    assert_eq!(read.registration_code.expect("present").device_id, id);
    let message = create(&format!("{encoded}a")).send().await.error(400);
    assert!(message.starts_with("deviceId: ") && message.contains("2048"), "{message}");

    let mut trial = authorize("TempPass", "a", None, "1");
    trial.device_id = id;
    server.temp_passes().authorize_temp_pass(trial).await.expect("authorizes");
}

#[tokio::test]
async fn a_code_with_invisible_or_full_width_characters_is_found() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    let code = device.created().await;
    let wide: String = code.chars().filter_map(|symbol| char::from_u32(u32::from(symbol) + 0xFEE0)).collect();
    for typed in [wide, format!("\u{200B}{code}\u{FEFF}"), format!("{}\u{AD}{}", &code[..3], &code[3..])] {
        let answer = server.codes().get_registration_code(request::get(&typed)).await;
        assert!(answer.is_ok(), "{typed:?}: {answer:?}");
        let encoded: String = typed.bytes().map(|byte| format!("%{byte:02X}")).collect();
        device.read(&encoded).send().await.json(200);
    }
}

#[tokio::test]
async fn base64_with_spaces_is_refused_with_that_cause() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    let (first, rest) = DEVICE_INFO.split_at(9);
    let create = device.call("POST", CREATE).header("x-device-info", format!("{first} {rest}"));
    let message = create.send().await.error(400);
    assert!(message.contains("spaces") && !message.contains("UTF-8"), "{message}");
}

#[tokio::test]
async fn other_content_types_on_the_grpc_port_get_415() {
    let server = TestServer::start();
    let stream = tokio::net::TcpStream::connect(server.address()).await.expect("connects");
    let (sender, connection) = h2::client::handshake(stream).await.expect("speaks HTTP/2");
    let connection = tokio::spawn(connection);
    let mut sender = sender.ready().await.expect("is ready");
    for media_type in ["application/json", "application/grpc-web", "text/plain"] {
        let request = http::Request::post("http://x/passbridge.v1.DeviceInfoService/HashIdentifier")
            .header("content-type", media_type)
            .body(())
            .expect("a request");
        let (answer, _) = sender.send_request(request, true).expect("sends");
        assert_eq!(answer.await.expect("answers").status(), 415, "{media_type}");
    }
    connection.abort();
}
