//! Malformed calls. The response is a complete error with its details.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{Method, Request, header::CONTENT_TYPE, uri::PathAndQuery};
use passbridge::proto::v1::{
    CreateRegistrationCodeRequest, CreateRegistrationCodeResponse, DecodeDeviceInfoRequest,
    create_registration_code_request::Device,
};
use prost::Message;
use tonic::{Code, Status, body::Body, client::Grpc, codec::CompressionEncoding};
use tonic_types::StatusExt;
use tower::{Service, ServiceExt};

use crate::support::{
    raw::RawChannel, request::create, retry_delay, status::refused, test_server::TestServer,
};

const CREATE: &str = "/passbridge.v1.RegistrationCodeService/CreateRegistrationCode";
const WATCH: &str = "/passbridge.v1.RegistrationCodeService/WatchRegistrationCode";

/// A message whose device id is bytes instead of text.
#[derive(Clone, PartialEq, Message)]
struct AnyBytes {
    #[prost(string, tag = "1")]
    requestor_id: String,
    #[prost(bytes = "vec", tag = "3")]
    device_id: Vec<u8>,
}

/// A message whose first field is a number instead of text.
#[derive(Clone, PartialEq, Message)]
struct WrongType {
    #[prost(uint64, tag = "1")]
    requestor_id: u64,
}

async fn call<M: Message + 'static>(
    server: &TestServer,
    path: &'static str,
    message: M,
) -> Result<CreateRegistrationCodeResponse, Status> {
    let mut grpc = Grpc::new(server.channel());
    grpc.ready().await.expect("connects");
    let codec = tonic_prost::ProstCodec::<M, CreateRegistrationCodeResponse>::default();
    let path = PathAndQuery::from_static(path);
    grpc.unary(tonic::Request::new(message), path, codec).await.map(tonic::Response::into_inner)
}

/// Sends a raw body and reads the status from the headers, because an error has no body.
async fn post(server: &TestServer, path: &str, body: &str) -> Status {
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("http://passbridge.test{path}"))
        .header(CONTENT_TYPE, "application/grpc")
        .header("te", "trailers")
        .body(Body::new(body.to_owned()))
        .expect("a request");
    let mut channel = RawChannel::connect(server.address()).await;
    let response = channel.ready().await.expect("connects").call(request).await.expect("answers");
    assert_eq!(response.status(), http::StatusCode::OK);
    Status::from_header_map(response.headers()).expect("a status in the headers")
}

#[tokio::test]
async fn text_that_is_not_utf8_is_malformed() {
    let server = TestServer::start();
    let message = AnyBytes { requestor_id: "REF".to_owned(), device_id: vec![0xff, 0xfe] };
    refused(call(&server, CREATE, message).await, Code::InvalidArgument, "MALFORMED_MESSAGE");
}

#[tokio::test]
async fn a_message_of_another_type_is_malformed() {
    let server = TestServer::start();
    for path in [CREATE, WATCH] {
        let answer = call(&server, path, WrongType { requestor_id: 7 }).await;
        refused(answer, Code::InvalidArgument, "MALFORMED_MESSAGE");
    }
}

#[tokio::test]
async fn a_body_that_is_not_a_grpc_message_is_malformed() {
    let server = TestServer::start();
    for (what, body) in [
        ("nothing", ""),
        ("half a header", "\0\0"),
        ("less than the header says", "\0\0\0\0\u{9}x"),
        ("compressed without an encoding", "\u{1}\0\0\0\u{1}x"),
        ("an unknown flag", "\u{7}\0\0\0\u{1}x"),
    ] {
        let status = post(&server, CREATE, body).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{what}: {status:?}");
        refused(Err::<(), _>(status), Code::InvalidArgument, "MALFORMED_MESSAGE");
    }
}

#[tokio::test]
async fn unknown_fields_of_a_message_are_ignored() {
    #[derive(Clone, PartialEq, Message)]
    struct Request {
        #[prost(string, tag = "1")]
        requestor_id: String,
        #[prost(string, tag = "5")]
        x_device_info: String,
        #[prost(string, tag = "1000")]
        from_the_future: String,
    }
    let server = TestServer::start();
    let request = Request {
        requestor_id: "REF".to_owned(),
        x_device_info: STANDARD.encode(r#"{"model":"X","osName":"Linux"}"#),
        from_the_future: "!".to_owned(),
    };
    let answer = call(&server, CREATE, request).await.expect("creates");
    assert!(answer.registration_code.is_some());
}

#[tokio::test]
async fn a_message_over_4_mib_is_too_large() {
    let server = TestServer::start();
    let huge = "x".repeat(5 << 20);
    let request =
        CreateRegistrationCodeRequest { device: Some(Device::XDeviceInfo(huge.clone())), ..create() };
    let status = refused(
        server.codes().create_registration_code(request).await,
        Code::ResourceExhausted,
        "MESSAGE_TOO_LARGE",
    );
    assert_eq!(retry_delay(&status), None, "a retry cannot succeed");
    let request = DecodeDeviceInfoRequest { x_device_info: huge };
    let answer = server.devices().decode_device_info(request).await;
    refused(answer, Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
}

#[tokio::test]
async fn the_message_limit_is_configurable() {
    let server = TestServer::configured(|config| config.grpc.max_message_size = 1_000);
    let wire = STANDARD.encode(format!(r#"{{"model":"X","osName":"Linux","key":"{}"}}"#, "x".repeat(1_000)));
    let request = CreateRegistrationCodeRequest { device: Some(Device::XDeviceInfo(wire)), ..create() };
    let answer = server.codes().create_registration_code(request).await;
    refused(answer, Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
}

#[tokio::test]
async fn gzip_messages_are_accepted_and_limited_by_their_decompressed_size() {
    let server = TestServer::start();
    let mut codes = server.codes().send_compressed(CompressionEncoding::Gzip);
    codes.create_registration_code(create()).await.expect("creates");
    let bomb = CreateRegistrationCodeRequest { user_agent: "x".repeat(100_000_000), ..create() };
    let answer = codes.max_encoding_message_size(usize::MAX).create_registration_code(bomb).await;
    refused(answer, Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
}

#[tokio::test]
async fn another_compression_is_unimplemented_and_the_error_names_gzip() {
    let server = TestServer::start();
    let mut request = tonic::Request::new(create());
    request.metadata_mut().insert("grpc-encoding", "br".parse().expect("a value"));
    let status = server.codes().create_registration_code(request).await.expect_err("is refused");
    assert_eq!(status.code(), Code::Unimplemented);
    let accepted = status.metadata().get("grpc-accept-encoding").expect("is named").to_str().expect("text");
    assert!(accepted.split(',').any(|name| name.trim() == "gzip"), "{accepted}");
}

#[tokio::test]
async fn an_unknown_method_or_service_is_unimplemented() {
    let server = TestServer::start();
    for path in [
        "/passbridge.v1.RegistrationCodeService/GuessRegistrationCode",
        "/passbridge.v1.NoSuchService/Get",
        "/nothing",
    ] {
        let answer = call(&server, path, create()).await;
        let status = refused(answer, Code::Unimplemented, "UNSUPPORTED_OPERATION");
        let info = status.get_details_error_info().expect("carries ErrorInfo");
        let unknown = info.metadata.get("unknown").map(String::as_str);
        assert_eq!(
            unknown,
            Some("method"),
            "clients distinguish an older server from an operation that the backend does not support"
        );
    }
}

#[tokio::test]
async fn the_server_still_serves_after_malformed_calls() {
    let server = TestServer::start();
    let mut codes = server.codes();
    codes.create_registration_code(create()).await.expect("creates");
    call(&server, CREATE, WrongType { requestor_id: 7 }).await.expect_err("refused");
    post(&server, CREATE, "\0\0").await;
    codes.create_registration_code(create()).await.expect("creates on the same connection");
}
