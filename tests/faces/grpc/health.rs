//! `grpc.health.v1`.

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
    for service in ["", "passbridge.v1.RegistrationCodeService", "passbridge.v1.DeviceInfoService"] {
        assert_eq!(check(&server, service).await.expect("answers"), ServingStatus::Serving, "{service:?}");
    }
}

#[tokio::test]
async fn the_health_of_an_unknown_service_is_not_found() {
    let server = TestServer::start();
    let status = check(&server, "passbridge.v1.NoSuchService").await.expect_err("refused");
    assert_eq!(status.code(), Code::NotFound);
}
