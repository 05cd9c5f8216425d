//! Invalid and hostile input: a clear error in the requested format, and nothing stored.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use passbridge::config::{AddressLimit, HumanDuration};

use crate::support::{
    http::{Call, call},
    request,
    rest::{DEVICE_INFO, Device},
    test_server::TestServer,
};

/// A server that allows one live code, which shows whether anything was stored.
fn server() -> TestServer {
    TestServer::configured(|config| config.codes.max_live_codes = 1)
}

/// Asserts that no code was stored.
async fn assert_nothing_stored(server: &TestServer) {
    let answer = server.codes().create_registration_code(request::create()).await;
    assert!(answer.is_ok(), "a code was stored: {answer:?}");
}

fn post<'a>(device: &'a Device<'a>, query: &str) -> Call {
    device.call("POST", &format!("/reggie/v1/REF/regcode.json?{query}"))
}

#[tokio::test]
async fn each_invalid_parameter_is_named() {
    let server = server();
    let device = Device::of(&server).await;
    let long = "a".repeat(2_049);
    for (query, name) in [
        ("deviceId=a&deviceId=a".to_owned(), "deviceId"),
        ("deviceId=%FF%FE".to_owned(), "deviceId"),
        (format!("deviceId={long}"), "deviceId"),
        ("deviceId=a&ttl=36001".to_owned(), "ttl"),
        ("deviceId=a&ttl=0".to_owned(), "ttl"),
        ("deviceId=a&ttl=-1".to_owned(), "ttl"),
        ("deviceId=a&ttl=soon".to_owned(), "ttl"),
        ("deviceId=a&ttl=1.5".to_owned(), "ttl"),
        ("deviceId=a&ttl=99999999999999999999".to_owned(), "ttl"),
        ("deviceId=a&ttl=60&ttl=60".to_owned(), "ttl"),
        ("deviceId=a&mvpd=a%20b".to_owned(), "mvpd"),
        ("deviceId=a&requestor=OTHER".to_owned(), "requestor"),
        ("deviceId=a&format=pdf".to_owned(), "format"),
        (format!("deviceId=a&appId={long}"), "appId"),
        ("deviceId=a&deviceType=%01".to_owned(), "deviceType"),
    ] {
        let message = post(&device, &query).header("x-device-info", DEVICE_INFO).send().await.error(400);
        assert!(message.starts_with(&format!("{name}: ")), "{query}: {message}");
        server.clock.advance(std::time::Duration::from_secs(1));
    }
    assert_nothing_stored(&server).await;
}

#[tokio::test]
async fn several_violations_are_reported_at_once() {
    let server = server();
    let device = Device::of(&server).await;
    let message =
        post(&device, "deviceId=a&ttl=0&mvpd=%20").header("x-device-info", "e30=").send().await.error(400);
    for name in ["ttl", "mvpd", "X-Device-Info.model", "X-Device-Info.osName"] {
        assert!(message.contains(&format!("{name}: ")), "{message}");
    }
}

#[tokio::test]
async fn device_information_is_required_and_validated() {
    let server = server();
    let device = Device::of(&server).await;
    let message = post(&device, "deviceId=a").send().await.error(400);
    assert_eq!(message, "Required 'X-Device-Info' is not present");
    for wrong in ["?", "bm8ganNvbg==", "W10=", "e30="] {
        let answer = post(&device, "deviceId=a").header("x-device-info", wrong).send().await;
        assert!(answer.error(400).starts_with("X-Device-Info"), "{wrong}: {answer:?}");
    }
    let empty = post(&device, "deviceId=a").header("x-device-info", "").send().await;
    assert_eq!(empty.error(400), "Required 'X-Device-Info' is not present");
    let answer = post(&device, "deviceId=a&device_info=%7B%7D").send().await;
    assert!(answer.error(400).starts_with("device_info"), "{answer:?}");
    let answer = post(&device, "deviceId=a").header("x-device-info", b"\xff\xfe").send().await;
    assert!(answer.error(400).starts_with("X-Device-Info"), "{answer:?}");
    assert_nothing_stored(&server).await;
}

#[tokio::test]
async fn a_body_that_is_not_a_form_is_named_if_a_parameter_is_missing() {
    let server = server();
    let device = Device::of(&server).await;
    let create = || post(&device, "deviceId=a").header("x-device-info", DEVICE_INFO);
    let incomplete = || post(&device, "").header("x-device-info", DEVICE_INFO);
    for body in [r#"{"deviceId":"a"}"#, "<deviceId>a</deviceId>"] {
        assert!(incomplete().form(body).send().await.error(400).contains("not a form"), "{body}");
    }
    incomplete().header("content-type", "application/json").body("{}").send().await.error(400);
    create().form("deviceId=b").send().await.error(400);
    create().form("a=1&".repeat(100)).send().await.error(400);
    assert_nothing_stored(&server).await;
}

#[tokio::test]
async fn a_parameter_of_a_megabyte_is_too_large_in_query_and_body() {
    let server = server();
    let device = Device::of(&server).await;
    let megabyte = "a".repeat(1 << 20);
    let in_form = post(&device, "").header("x-device-info", DEVICE_INFO).form(format!("deviceId={megabyte}"));
    in_form.send().await.error(413);
    let in_query = post(&device, &format!("deviceId={}", &megabyte[..20_000]));
    let message = in_query.header("x-device-info", DEVICE_INFO).send().await.error(414);
    assert!(message.contains("16384"), "{message}");
    let head = format!("POST /reggie/v1/REF/regcode?deviceId={megabyte} HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(raw_status(&server, head.as_bytes()), 431);
    let head =
        format!("GET /reggie/v1/REF/regcode/A HTTP/1.1\r\nhost: x\r\nx-odd: {}\r\n\r\n", &megabyte[..64_000]);
    assert_eq!(raw_status(&server, head.as_bytes()), 431);
    assert_nothing_stored(&server).await;
}

#[tokio::test]
async fn a_body_without_a_length_is_limited() {
    let server = server();
    let device = Device::of(&server).await;
    let chunk = format!("10000\r\n{}\r\n", "a".repeat(0x1_0000));
    let request = format!(
        "POST /reggie/v1/REF/regcode.json HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/x-www-form-urlencoded\r\ntransfer-encoding: chunked\r\n\r\n{}",
        device.token,
        chunk.repeat(3)
    );
    assert_eq!(raw_status(&server, request.as_bytes()), 413);
    assert_nothing_stored(&server).await;
}

#[tokio::test]
async fn a_truncated_body_writes_nothing() {
    let server = server();
    let device = Device::of(&server).await;
    let mut stream = TcpStream::connect(server.rest_address()).expect("connects");
    let head = format!(
        "POST /reggie/v1/REF/regcode.json?deviceId=a HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         x-device-info: {DEVICE_INFO}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: 100\r\n\r\nmvpd=m",
        device.token
    );
    stream.write_all(head.as_bytes()).expect("sends");
    stream.shutdown(std::net::Shutdown::Write).expect("half closes");
    let mut answer = String::new();
    // The server may close the connection without a response.
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_nothing_stored(&server).await;
}

#[tokio::test]
async fn an_unauthenticated_body_is_read_only_up_to_the_size_of_a_form_with_a_token() {
    let server = server();
    let create =
        |form: String| call(server.rest_address(), "POST", "/reggie/v1/REF/regcode").form(form).send();
    create("format=json".to_owned()).await.error(401);
    let long = create(format!("format=json&deviceId={}", "a".repeat(33_000))).await;
    assert!(long.xml(401).contains("<status>401"), "{long:?}");
}

#[tokio::test]
async fn an_ambiguous_host_is_refused() {
    let server = server();
    for (host, status) in [
        ("host: a\r\nhost: b\r\n", 400),
        ("", 400),
        ("host: a, b\r\n", 400),
        ("host: passbridge.test.\r\n", 401),
    ] {
        let request = format!("GET /reggie/v1/REF/regcode/ABC HTTP/1.1\r\n{host}\r\n");
        assert_eq!(raw_status(&server, request.as_bytes()), status, "{host}");
    }
    assert_eq!(raw_status(&server, b"GET /reggie/v1/REF/regcode/ABC HTTP/1.0\r\n\r\n"), 401);
}

#[tokio::test]
async fn a_slow_body_times_out() {
    let server = TestServer::configured(|config| {
        config.rest.answer_timeout = HumanDuration(std::time::Duration::from_millis(50));
    });
    let device = Device::of(&server).await;
    let request = format!(
        "POST /reggie/v1/REF/regcode HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 9\r\n\r\n",
        device.token
    );
    assert_eq!(raw_status(&server, request.as_bytes()), 408);
}

#[tokio::test]
async fn a_client_that_reads_no_responses_is_disconnected() {
    let server = TestServer::configured(|config| {
        config.rest.write_timeout = HumanDuration(std::time::Duration::from_millis(200));
        config.rest.max_connections = 1;
        config.rest.address_limit = AddressLimit { per_second: 1_000_000, burst: 1_000_000 };
    });
    let mut greedy = TcpStream::connect(server.rest_address()).expect("connects");
    let request = b"GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1_000);
    // Sends as long as the server accepts data, and reads nothing.
    greedy.set_write_timeout(Some(std::time::Duration::from_millis(100))).expect("sets the timeout");
    while greedy.write_all(&request).is_ok() {}
    // The only connection slot is free again once the greedy connection is closed.
    assert_eq!(raw_status(&server, b"GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n"), 404);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_reported_in_the_requested_format() {
    let server = server();
    let device = Device::of(&server).await;
    device.call("GET", "/api/v1/authenticate?format=json").send().await.error(404);
    device.call("GET", "/").header("accept", "application/json").send().await.error(404);
    assert!(device.call("GET", "/reggie/v1/REF/regcode/").send().await.xml(405).contains("<status>405"));
    let put = device.call("PUT", "/reggie/v1/REF/regcode.json").send().await;
    assert_eq!((put.error(405).is_empty(), put.header("allow")), (false, "POST"));
    let post = device.call("POST", "/reggie/v1/REF/regcode/ABC.json").send().await;
    post.error(405);
    device.call("POST", "/reggie/v1/%FF/regcode.json").send().await.error(400);
    device.call("POST", "/reggie/v1/a%20b/regcode.json?deviceId=a").send().await.error(400);
    device.call("GET", &format!("/reggie/v1/REF/regcode/{}.json", "A".repeat(300))).send().await.error(400);
}

#[tokio::test]
async fn a_user_agent_is_limited_in_size_and_may_have_invalid_utf8() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    let create = |agent: &[u8]| device.create("").header("user-agent", agent);
    let message = create("a".repeat(3_000).as_bytes()).send().await.error(400);
    assert!(message.starts_with("User-Agent"), "{message}");
    let record = create(b"TV\xae/1").send().await.json(201);
    assert_eq!(record["info"]["userAgent"], "TV\u{fffd}/1");
}

/// Sends these bytes and returns the status of the response.
fn raw_status(server: &TestServer, request: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(server.rest_address()).expect("connects");
    // The server may close the connection before it reads everything.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let mut byte = [0];
    while answer.last() != Some(&b'\n') && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        answer.push(byte[0]);
    }
    let line = String::from_utf8(answer).expect("text");
    line.split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("no status: {line:?}"))
}
