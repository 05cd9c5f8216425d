//! Deadlines that the server keeps. The one of a unary call is shown where a sync can be held: in the process
//! tests.

use std::time::Duration;

use passbridge::proto::v1::WatchRegistrationCodeRequest;
use tonic::{Code, Request};

use crate::support::{raw::RawChannel, request::REQUESTOR, status::refused, test_server::TestServer};

#[tokio::test]
async fn a_watch_ends_with_deadline_exceeded_when_the_callers_time_is_up() {
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
        // On a machine so busy that the deadline passes before the first message.
        Err(status) => Err(status),
    };
    refused(answer, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
}

#[tokio::test]
async fn a_deadline_that_cannot_be_read_is_none() {
    let server = TestServer::start();
    let mut codes = RawChannel::connect(server.address()).await.codes();
    let mut request = Request::new(crate::support::request::create());
    request.metadata_mut().insert("grpc-timeout", "soon".parse().expect("a header"));
    codes.create_registration_code(request).await.expect("creates");
}
