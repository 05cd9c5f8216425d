//! Rate limits by address, and the limit of abandoned creates.

use std::time::Duration;

use passbridge::{
    config::AddressLimit, proto::v1::registration_code_service_client::RegistrationCodeServiceClient,
};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt;

use crate::support::{
    request::{create, get},
    retry_delay,
    status::refused,
    test_server::TestServer,
};

fn limit_of(status: &Status) -> String {
    status.get_details_error_info().expect("carries ErrorInfo").metadata["limit"].clone()
}

#[tokio::test]
async fn a_configured_address_limit_covers_all_calls_of_an_address() {
    let server = TestServer::configured(|config| {
        config.grpc.address_limit = Some(AddressLimit { per_second: 1, burst: 3 });
    });
    let code = server.created().await.code;
    server.codes().get_registration_code(get(&code)).await.expect("within the burst");
    server.codes().get_registration_code(get("BCDFGHJ")).await.expect_err("never was");
    for _ in 0..2 {
        let refusal = server.codes().get_registration_code(get(&code)).await;
        let status = refused(refusal, Code::ResourceExhausted, "THROTTLED");
        assert_eq!(limit_of(&status), "grpc.address_limit");
        assert_eq!(retry_delay(&status), Some(Duration::from_secs(1)));
    }
    server.clock.advance(Duration::from_secs(1));
    server.codes().get_registration_code(get(&code)).await.expect("a second later");
}

#[tokio::test]
async fn addresses_are_not_limited_by_default() {
    let server = TestServer::start();
    let code = server.created().await.code;
    let mut codes = server.codes();
    for _ in 0..300 {
        codes.get_registration_code(get(&code)).await.expect("reads");
    }
}

type Codes = RegistrationCodeServiceClient<Channel>;

/// Starts a create and cancels it after this many polls, which may be before its response.
async fn abandon(codes: &mut Codes, polls: usize) {
    let mut call = Box::pin(codes.create_registration_code(create()));
    for _ in 0..polls {
        if futures_util::poll!(call.as_mut()).is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_client_that_cancels_many_creates_is_refused_more() {
    let server = TestServer::start();
    let (mut codes, mut polls) = (server.codes(), (1..100).cycle());
    let status = loop {
        abandon(&mut codes, polls.next().expect("endless")).await;
        if let Err(status) = server.codes().create_registration_code(create()).await {
            break refused::<()>(Err(status), Code::ResourceExhausted, "THROTTLED");
        }
    };
    assert_eq!(limit_of(&status), "abandoned_creates");
    let delay = retry_delay(&status).expect("carries RetryInfo");
    assert!(delay <= Duration::from_secs(60), "{delay:?}");
    server
        .codes()
        .get_registration_code(get("BCDFGHJ"))
        .await
        .expect_err("the code does not exist, but the call is served");
    server.clock.advance(delay);
    server.created().await;
}
