//! Rate limits over REST.

use std::time::Duration;

use passbridge::domain::clock::Timestamp;

use crate::support::{
    http::{Answer, call},
    rest::Device,
    test_server::{START, TestServer},
};

const SECOND: Duration = Duration::from_secs(1);

#[track_caller]
fn assert_throttled(answer: &Answer, seconds: &str) {
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (429, "text/html"), "{answer:?}");
    assert_eq!(answer.header("retry-after"), seconds);
    assert!(answer.body.starts_with("<html>") && answer.body.contains("429 Too Many Requests"), "{answer:?}");
}

#[tokio::test]
async fn a_device_may_create_a_burst_of_ten_codes_and_then_one_per_second() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    for _ in 0..10 {
        device.create("").send().await.json(201);
    }
    assert_throttled(&device.create("").send().await, "1");
    let path = "/reggie/v1/REF/regcode.json?deviceId=another";
    let another = device.call("POST", path).header("x-device-info", crate::support::rest::DEVICE_INFO);
    another.send().await.json(201);
    server.clock.advance(SECOND);
    device.create("").send().await.json(201);
    assert_throttled(&device.create("").send().await, "1");
}

#[tokio::test]
async fn a_wall_clock_step_back_does_not_extend_waiting_times() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    for _ in 0..10 {
        device.create("").send().await.json(201);
    }
    server.clock.step_to(Timestamp::from_millis(START - 3_600_000));
    assert_throttled(&device.create("").send().await, "1");
    server.clock.advance(SECOND);
    device.create("").send().await.json(201);
}

#[tokio::test]
async fn an_address_limit_covers_all_its_calls() {
    let server = TestServer::configured(|config| {
        config.rest.address_limit = passbridge::config::AddressLimit { per_second: 1, burst: 5 };
    });
    let address = server.rest_address();
    for n in 0..5 {
        let path = format!("/{n}?format=json");
        call(address, "GET", &path)
            .header("x-forwarded-for", format!("203.0.113.{n}"))
            .send()
            .await
            .error(404);
    }
    assert_throttled(&call(address, "GET", "/").send().await, "1");
    assert_throttled(&call(address, "POST", "/o/client/token").send().await, "1");
    server.clock.advance(SECOND);
    call(address, "GET", "/?format=json").send().await.error(404);
}

#[tokio::test]
async fn devices_without_an_id_are_distinguished_by_address() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    let create = |address: &str| {
        let path = "/reggie/v1/REF/regcode.json?deviceId=dummy";
        let call = device.call("POST", path).header("x-device-info", crate::support::rest::DEVICE_INFO);
        call.header("x-forwarded-for", address).send()
    };
    for address in 0..20 {
        create(&format!("203.0.113.{address}")).await.json(201);
    }
    for _ in 0..9 {
        create("203.0.113.1").await.json(201);
    }
    assert_throttled(&create("203.0.113.1").await, "1");
}

#[tokio::test]
async fn a_refused_create_does_not_count_against_the_device() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    for _ in 0..20 {
        device.create("ttl=0").send().await.error(400);
    }
    device.create("").send().await.json(201);
}

#[tokio::test]
async fn a_client_that_disconnects_before_responses_is_refused_more_creates() {
    let server = TestServer::configured(|config| {
        config.rest.address_limit =
            passbridge::config::AddressLimit { per_second: 1_000_000, burst: 1_000_000 };
    });
    let device = Device::of(&server).await;
    let mut devices = 0..;
    let mut path = || format!("/reggie/v1/REF/regcode.json?deviceId={}", devices.next().expect("endless"));
    let answer = loop {
        let stream = tokio::net::TcpStream::connect(server.rest_address()).await.expect("connects");
        let info = crate::support::rest::DEVICE_INFO;
        let request = format!(
            "POST {} HTTP/1.1\r\nhost: passbridge\r\nauthorization: Bearer {}\r\nx-device-info: {info}\r\n\
             content-length: 0\r\n\r\n",
            path(),
            device.token
        );
        stream.writable().await.expect("open");
        assert_eq!(stream.try_write(request.as_bytes()).expect("sends"), request.len());
        drop(stream);
        let answer = device.call("POST", &path()).header("x-device-info", info).send().await;
        if answer.status != 201 {
            break answer;
        }
    };
    assert_eq!(answer.status, 429, "{answer:?}");
    let seconds: u64 = answer.header("retry-after").parse().expect("a number");
    assert!(seconds <= 60, "{answer:?}");
    server.clock.advance(SECOND * 60);
    device.created().await;
}
