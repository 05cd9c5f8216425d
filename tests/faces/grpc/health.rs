//! `grpc.health.v1`.

use passbridge::{config::HumanDuration, proto::FILE_DESCRIPTOR_SET};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::support::test_server::TestServer;

async fn check(server: &TestServer, service: &str) -> Result<ServingStatus, tonic::Status> {
    let request = HealthCheckRequest { service: service.to_owned() };
    let answer = HealthClient::new(server.channel()).check(request).await;
    answer.map(|answer| answer.into_inner().status())
}

#[tokio::test]
async fn the_server_and_each_service_are_serving() {
    let server = TestServer::start();
    let contract = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("decodes");
    let files = contract.file.iter().filter(|file| file.package() == "passbridge.v1");
    let services = files.flat_map(|file| &file.service).map(|service| service.name());
    let names: Vec<_> = services.map(|name| format!("passbridge.v1.{name}")).chain([String::new()]).collect();
    assert!(names.len() > 3, "{names:?}");
    for service in names {
        assert_eq!(check(&server, &service).await.expect("answers"), ServingStatus::Serving, "{service:?}");
    }
}

#[tokio::test]
async fn a_health_watch_reports_the_status_and_the_drain() {
    let mut server = TestServer::configured(|config| {
        config.runtime.drain_delay = HumanDuration::from_secs(5);
    });
    let request = HealthCheckRequest { service: "passbridge.v1.TempPassService".to_owned() };
    let mut watch = HealthClient::new(server.channel()).watch(request).await.expect("watches").into_inner();
    let mut next = async || watch.message().await.expect("answers").expect("a status").status();
    assert_eq!(next().await, ServingStatus::Serving);
    server.begin_stop();
    assert_eq!(next().await, ServingStatus::NotServing);
}

#[tokio::test]
async fn the_health_of_an_unknown_service_is_not_found() {
    let server = TestServer::start();
    let status = check(&server, "passbridge.v1.NoSuchService").await.expect_err("refused");
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn a_health_watch_of_an_unknown_service_reports_so_and_stays_open() {
    let server = TestServer::start();
    let request = HealthCheckRequest { service: "upstream/nowhere".to_owned() };
    let mut client = HealthClient::new(server.channel());
    let mut watch = client.watch(request).await.expect("watches").into_inner();
    let first = watch.message().await.expect("answers").expect("a status");
    assert_eq!(first.status(), ServingStatus::ServiceUnknown);
    tokio::select! {
        biased;
        message = watch.message() => panic!("the stream went on or ended: {message:?}"),
        status = check(&server, "") => assert_eq!(status.expect("answers"), ServingStatus::Serving),
    }
}
