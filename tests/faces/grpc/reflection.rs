//! Server reflection, so that command-line clients need no proto files.

use tonic_reflection::pb::{v1, v1alpha};

use crate::support::test_server::TestServer;

const SERVICES: [&str; 3] =
    ["grpc.health.v1.Health", "passbridge.v1.DeviceInfoService", "passbridge.v1.RegistrationCodeService"];

#[tokio::test]
async fn v1_lists_the_services() {
    use v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let server = TestServer::start();
    let request = ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..ServerReflectionRequest::default()
    };
    let mut client = ServerReflectionClient::new(server.channel());
    let answers = client.server_reflection_info(tokio_stream::once(request)).await.expect("answers");
    let answer = answers.into_inner().message().await.expect("answers").expect("a message");
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}");
    };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    assert_listed(&names);
}

#[tokio::test]
async fn v1alpha_lists_the_services() {
    use v1alpha::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let server = TestServer::start();
    let request = ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..ServerReflectionRequest::default()
    };
    let mut client = ServerReflectionClient::new(server.channel());
    let answers = client.server_reflection_info(tokio_stream::once(request)).await.expect("answers");
    let answer = answers.into_inner().message().await.expect("answers").expect("a message");
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}");
    };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    assert_listed(&names);
}

#[track_caller]
fn assert_listed(names: &[String]) {
    for service in SERVICES {
        assert!(names.iter().any(|name| name == service), "{service} is not among {names:?}");
    }
}

#[tokio::test]
async fn the_messages_in_error_details_are_described() {
    use v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let server = TestServer::start();
    let mut client = ServerReflectionClient::new(server.channel());
    for symbol in [
        "google.rpc.ErrorInfo",
        "google.rpc.BadRequest",
        "google.rpc.RetryInfo",
        "passbridge.v1.ProbableCauses",
        "passbridge.v1.ErrorReason",
    ] {
        let request = ServerReflectionRequest {
            message_request: Some(MessageRequest::FileContainingSymbol(symbol.to_owned())),
            ..ServerReflectionRequest::default()
        };
        let answers = client.server_reflection_info(tokio_stream::once(request)).await.expect("answers");
        let answer = answers.into_inner().message().await.expect("answers").expect("a message");
        let described = matches!(answer.message_response, Some(MessageResponse::FileDescriptorResponse(_)));
        assert!(described, "{symbol}: {answer:?}");
    }
}
