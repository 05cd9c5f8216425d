//! Traces over OTLP to the test's collector.

use std::net::SocketAddr;

use opentelemetry_proto::tonic::{
    common::v1::any_value::Value,
    trace::v1::{Span, span::SpanKind},
};
use passbridge::proto::v1::CreateRegistrationCodeRequest;
use tokio::net::TcpSocket;
use tonic::Request;

use crate::{
    collector::Collector,
    support::{
        request::{create, get},
        server_process::{Program, ServerProcess},
    },
};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT_ID: &str = "00f067aa0ba902b7";
const DEVICE: &str = "the-secret-device";
const ADDRESS: &str = "198.51.100.77";

fn attribute<'a>(span: &'a Span, key: &str) -> Option<&'a str> {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn program(folder: &tempfile::TempDir, collector: SocketAddr) -> Program {
    Program::server(folder.path()).env("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{collector}"))
}

/// Creates a code within a sampled trace and returns it.
async fn create_in_trace(server: &ServerProcess) -> String {
    let mut request = Request::new(CreateRegistrationCodeRequest {
        device_id: Some(DEVICE.to_owned()),
        device_ip: ADDRESS.to_owned(),
        ..create()
    });
    let parent = format!("00-{TRACE_ID}-{PARENT_ID}-01").parse().expect("a header");
    request.metadata_mut().insert("traceparent", parent);
    let answer = server.codes().create_registration_code(request).await.expect("creates").into_inner();
    answer.registration_code.expect("a code").code
}

async fn end(mut server: ServerProcess) {
    assert_eq!(server.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn a_sampled_call_is_a_server_span_of_its_callers_trace() {
    let folder = tempfile::tempdir().expect("a folder");
    let (collector, address) = Collector::start().await;
    let server = program(&folder, address).start();
    create_in_trace(&server).await;
    end(server).await;

    let spans = collector.spans();
    let [span] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!((hex(&span.trace_id).as_str(), hex(&span.parent_span_id).as_str()), (TRACE_ID, PARENT_ID));
    assert_eq!(span.kind(), SpanKind::Server);
    assert_eq!(span.name, "passbridge.v1.RegistrationCodeService/CreateRegistrationCode");
    assert_eq!(attribute(span, "rpc.system.name"), Some("grpc"));
    assert_eq!(attribute(span, "rpc.method"), Some(span.name.as_str()));
    assert_eq!(attribute(span, "rpc.response.status_code"), Some("OK"));
    assert!(collector.everything().contains("passbridge"), "the service's name");
}

#[tokio::test]
async fn a_failed_call_has_its_code_and_is_not_a_server_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let (collector, address) = Collector::start().await;
    let server = program(&folder, address).env("OTEL_TRACES_SAMPLER", "always_on").start();
    server.codes().get_registration_code(get("BCDFGHJ")).await.expect_err("is unknown");
    end(server).await;

    let spans = collector.spans();
    let [span] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!(attribute(span, "rpc.response.status_code"), Some("NOT_FOUND"));
    assert_eq!(attribute(span, "error.type"), None);
}

#[tokio::test]
async fn spans_contain_no_device_code_or_address() {
    let folder = tempfile::tempdir().expect("a folder");
    let (collector, address) = Collector::start().await;
    let server = program(&folder, address).env("OTEL_TRACES_SAMPLER", "always_on").start();
    let code = create_in_trace(&server).await;
    let mut request = get(&code);
    request.viewer_ip = ADDRESS.to_owned();
    server.codes().get_registration_code(request).await.expect("reads");
    end(server).await;

    assert_eq!(collector.spans().len(), 2);
    let everything = collector.everything();
    for secret in [DEVICE, ADDRESS, code.as_str()] {
        assert!(!everything.contains(secret), "{secret} is in {everything}");
    }
}

#[tokio::test]
async fn no_span_is_exported_with_the_sampler_never() {
    let folder = tempfile::tempdir().expect("a folder");
    let (collector, address) = Collector::start().await;
    let server = program(&folder, address).env("OTEL_TRACES_SAMPLER", "always_off").start();
    create_in_trace(&server).await;
    end(server).await;
    assert_eq!(collector.spans(), []);
}

#[tokio::test]
async fn calls_not_sampled_by_the_caller_are_not_exported_by_default() {
    let folder = tempfile::tempdir().expect("a folder");
    let (collector, address) = Collector::start().await;
    let server = program(&folder, address).start();
    let mut request = Request::new(create());
    let parent = format!("00-{TRACE_ID}-{PARENT_ID}-00").parse().expect("a header");
    request.metadata_mut().insert("traceparent", parent);
    server.codes().create_registration_code(request).await.expect("creates");
    end(server).await;
    assert_eq!(collector.spans(), []);
}

#[tokio::test]
async fn an_unreachable_collector_delays_neither_calls_nor_shutdown() {
    let folder = tempfile::tempdir().expect("a folder");
    // Bound, so that no other process gets the port, but not listening.
    let silent = TcpSocket::new_v4().expect("a socket");
    silent.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
    let address = silent.local_addr().expect("an address");
    let server = program(&folder, address).start();
    create_in_trace(&server).await;
    end(server).await;
}
