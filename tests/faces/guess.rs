//! Guessing of codes: what an unknown code reveals on either face, what a guess costs, and which clients are limited.

use std::time::Duration;

use passbridge::proto::v1::{CreateRegistrationCodeRequest, GetRegistrationCodeRequest};
use tonic::Code;

use crate::support::{
    http::Answer,
    request::{create, create_for, delete, get},
    rest::Device,
    status::refused,
    test_server::TestServer,
};

const UNKNOWN: &str = "BCDFGHN";
const MINUTE: Duration = Duration::from_secs(60);

/// A server that trusts the test as a proxy, so that each device states its own address.
fn server() -> TestServer {
    TestServer::configured(|config| {
        config.rest.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
        config.rest.address_limit = passbridge::config::AddressLimit { per_second: 1_000, burst: 10_000 };
    })
}

/// Codes that the usual requestor cannot find, each for a different reason.
struct UnknownCodes {
    foreign: &'static str,
    foreign_ended: &'static str,
    released: &'static str,
    expired: &'static str,
}

async fn unknown_codes(server: &TestServer) -> UnknownCodes {
    let codes = UnknownCodes {
        foreign: "BCDFGHJ",
        foreign_ended: "BCDFGHK",
        released: "BCDFGHL",
        expired: "BCDFGHM",
    };
    let others =
        |seconds| CreateRegistrationCodeRequest { requestor_id: "OTHER".to_owned(), ..create_for(seconds) };
    for (code, request) in [
        (codes.foreign, others(600)),
        (codes.foreign_ended, others(1)),
        (codes.released, create()),
        (codes.expired, create_for(1)),
    ] {
        server.randomness.draw_next(code);
        server.created_by(request).await;
    }
    server.codes().delete_registration_code(delete(codes.released)).await.expect("deletes");
    server.clock.advance(Duration::from_secs(1));
    codes
}

/// A lookup over REST from this viewer's address.
async fn look_over_rest(device: &Device<'_>, code: &str, viewer: &str) -> Answer {
    device.read(code).header("x-forwarded-for", viewer).send().await
}

fn typed_by(code: &str, viewer: &str) -> GetRegistrationCodeRequest {
    GetRegistrationCodeRequest { viewer_ip: viewer.to_owned(), ..get(code) }
}

#[tokio::test]
async fn every_missing_code_gets_the_same_answer_on_both_faces() {
    let server = server();
    let device = Device::of(&server).await;
    let UnknownCodes { foreign, foreign_ended, released, expired } = unknown_codes(&server).await;
    let over_grpc = async |code| {
        let answer = server.codes().get_registration_code(get(code)).await;
        let status = refused(answer, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
        (status.message().to_owned(), status.details().to_owned())
    };
    let over_rest = async |method: &str, code: &str| {
        let path = format!("/reggie/v1/REF/regcode/{code}.json");
        let mut answer = device.call(method, &path).send().await;
        answer.headers.remove("date");
        (answer.status.as_u16(), format!("{:?}", answer.headers), answer.body)
    };
    let grpc = over_grpc(UNKNOWN).await;
    let (read, deleted) = (over_rest("GET", UNKNOWN).await, over_rest("DELETE", UNKNOWN).await);
    assert_eq!((read.0, deleted.0), (404, 404));
    for code in [foreign, foreign_ended, released, expired] {
        assert_eq!(over_grpc(code).await, grpc, "{code}");
        assert_eq!(over_rest("GET", code).await, read, "{code}");
        server.clock.advance(MINUTE);
        assert_eq!(over_rest("DELETE", code).await, deleted, "{code}");
    }
}

#[tokio::test]
async fn a_guess_costs_the_same_for_unknown_and_foreign_codes() {
    let server = server();
    let device = Device::of(&server).await;
    let UnknownCodes { foreign, foreign_ended, released, expired } = unknown_codes(&server).await;
    for (index, code) in [UNKNOWN, foreign, foreign_ended].into_iter().enumerate() {
        let (over_grpc, over_rest) = (format!("203.0.113.{index}"), format!("198.51.100.{index}"));
        for _ in 0..10 {
            let answer = server.codes().get_registration_code(typed_by(code, &over_grpc)).await;
            refused(answer, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
            look_over_rest(&device, code, &over_rest).await.error(404);
        }
        let answer = server.codes().get_registration_code(typed_by(code, &over_grpc)).await;
        refused(answer, Code::ResourceExhausted, "LOOKUP_BUDGET_EXHAUSTED");
        assert_eq!(look_over_rest(&device, code, &over_rest).await.status, 429, "{code}");
    }
    // Reading one's own finished code again is not a guess.
    for code in [released, expired].repeat(6) {
        look_over_rest(&device, code, "192.0.2.1").await.error(404);
    }
}

#[tokio::test]
async fn a_guesser_is_limited_on_both_faces_while_other_clients_are_served() {
    const GUESSER: &str = "203.0.113.66";
    let server = server();
    let device = Device::of(&server).await;
    let code = server.created().await.code;
    for minute in 0..3 {
        let mut answered = 0;
        for round in 0..50 {
            let guess =
                format!("BCDFG{}{}", ["H", "J", "K", "L", "M"][round % 5], ["N", "P", "Q"][round % 3]);
            let over_grpc = server.codes().get_registration_code(typed_by(&guess, GUESSER)).await;
            answered += usize::from(over_grpc.is_err_and(|status| status.code() == Code::NotFound));
            answered += usize::from(look_over_rest(&device, &guess, GUESSER).await.status == 404);

            let viewer = format!("192.0.2.{round}");
            server.codes().get_registration_code(typed_by(&code, &viewer)).await.expect("another viewer");
            look_over_rest(&device, &code, &viewer).await.json(200);
            server.created().await;
        }
        assert_eq!(answered, 10, "in minute {minute}");
        let known = server.codes().get_registration_code(typed_by(&code, GUESSER)).await;
        refused(known, Code::ResourceExhausted, "LOOKUP_BUDGET_EXHAUSTED");
        assert_eq!(look_over_rest(&device, &code, GUESSER).await.status, 429, "a known one too");
        server.clock.advance(MINUTE);
    }
}
