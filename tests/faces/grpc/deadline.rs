//! Deadlines that the server enforces. The process tests cover the deadline of a unary call, because they can delay a sync.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http_body::Frame;
use passbridge::{config::HumanDuration, proto::v1::WatchRegistrationCodeRequest};
use tonic::{Code, Request, Status, body::Body};
use tower::{Service, ServiceExt};

use crate::support::{
    raw::RawChannel,
    request::{REQUESTOR, create},
    status::refused,
    test_server::TestServer,
};

/// The body of a client that sends its headers and then nothing.
struct Silence;

impl http_body::Body for Silence {
    type Data = bytes::Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Poll::Pending
    }
}

/// Makes a call whose message never arrives.
async fn call_without_message(server: &TestServer, timeout: &str) -> Status {
    let request = http::Request::post(
        "http://passbridge.test/passbridge.v1.RegistrationCodeService/CreateRegistrationCode",
    );
    let request = request.header("content-type", "application/grpc").header("te", "trailers");
    let request = request.header("grpc-timeout", timeout).body(Body::new(Silence)).expect("a request");
    let mut channel = RawChannel::connect(server.address()).await;
    let response = channel.ready().await.expect("connects").call(request).await.expect("answers");
    Status::from_header_map(response.headers()).expect("a status in the headers")
}

#[tokio::test]
async fn a_watch_ends_with_deadline_exceeded_at_the_callers_deadline() {
    let server = TestServer::start();
    let code = server.created().await.code;
    let mut request = Request::new(WatchRegistrationCodeRequest {
        requestor_id: REQUESTOR.to_owned(),
        code,
        ..WatchRegistrationCodeRequest::default()
    });
    request.set_timeout(Duration::from_millis(100));
    let mut codes = RawChannel::connect(server.address()).await.codes();
    let answer = match codes.watch_registration_code(request).await {
        Ok(answers) => {
            let mut answers = answers.into_inner();
            loop {
                match answers.message().await {
                    Ok(Some(_)) => {}
                    end => break end.map(drop),
                }
            }
        }
        // On a busy machine, the deadline may pass before the first message.
        Err(status) => Err(status),
    };
    refused(answer, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
}

#[tokio::test]
async fn an_unreadable_deadline_is_ignored() {
    let server = TestServer::start();
    let mut codes = RawChannel::connect(server.address()).await.codes();
    let mut request = Request::new(create());
    request.metadata_mut().insert("grpc-timeout", "soon".parse().expect("a header"));
    codes.create_registration_code(request).await.expect("creates");
}

#[tokio::test]
async fn a_missing_message_is_awaited_until_the_servers_limit() {
    let server = TestServer::configured(|config| {
        config.grpc.answer_timeout = HumanDuration(Duration::from_millis(50))
    });
    let status = call_without_message(&server, "1H").await;
    refused(Err::<(), _>(status), Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
}

#[tokio::test]
async fn a_missing_message_is_awaited_no_longer_than_the_callers_deadline() {
    let server = TestServer::configured(|config| {
        config.grpc.answer_timeout = HumanDuration(Duration::from_secs(3600))
    });
    let answer = tokio::time::timeout(Duration::from_secs(5), call_without_message(&server, "50m")).await;
    let status = answer.expect("the caller's deadline has passed long ago");
    refused(Err::<(), _>(status), Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
}
