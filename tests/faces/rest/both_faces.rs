//! The tests of codes over both faces: a code created over one can be read, watched and deleted over either.

use std::time::Duration;

use passbridge::proto::v1::{RegistrationCode, registration_code::State};
use tonic::Code;

use crate::support::{
    request,
    rest::{Device, access_token, statement_command},
    status::refused,
    test_server::TestServer,
};

/// A face, as a client of the code methods.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Face {
    Grpc,
    Rest,
}

const PAIRS: [(Face, Face); 4] =
    [(Face::Grpc, Face::Grpc), (Face::Grpc, Face::Rest), (Face::Rest, Face::Grpc), (Face::Rest, Face::Rest)];

/// The values of a record that both faces return.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    id: String,
    code: String,
    expires: u64,
}

impl Seen {
    fn grpc(code: &RegistrationCode) -> Self {
        let time = code.expire_time.expect("present");
        let millis = time.seconds * 1000 + i64::from(time.nanos) / 1_000_000;
        Self {
            id: code.id.clone(),
            code: code.code.clone(),
            expires: u64::try_from(millis).expect("after 1970"),
        }
    }

    fn rest(record: &serde_json::Value) -> Self {
        let text = |key: &str| record[key].as_str().expect("text").to_owned();
        Self { id: text("id"), code: text("code"), expires: record["expires"].as_u64().expect("a number") }
    }
}

impl Face {
    async fn create(self, device: &Device<'_>, seconds: i64) -> Seen {
        match self {
            Self::Grpc => Seen::grpc(&device.server.created_by(request::create_for(seconds)).await),
            Self::Rest => {
                let answer = device.create(&format!("ttl={seconds}")).send().await;
                Seen::rest(&answer.json(201))
            }
        }
    }

    /// The record, or `None` if it is not found.
    async fn read(self, device: &Device<'_>, typed: &str) -> Option<Seen> {
        match self {
            Self::Grpc => {
                let answer = device.server.codes().get_registration_code(request::get(typed)).await;
                if let Ok(answer) = answer {
                    return answer.into_inner().registration_code.as_ref().map(Seen::grpc);
                }
                refused(answer, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
                None
            }
            Self::Rest => {
                let answer = device.read(typed).send().await;
                if answer.status == 200 {
                    return Some(Seen::rest(&answer.json(200)));
                }
                answer.error(404);
                None
            }
        }
    }

    /// Returns whether a code was deleted.
    async fn delete(self, device: &Device<'_>, typed: &str) -> bool {
        match self {
            Self::Grpc => {
                let answer = device.server.codes().delete_registration_code(request::delete(typed)).await;
                if answer.is_ok() {
                    return true;
                }
                refused(answer, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
                false
            }
            Self::Rest => {
                let answer = device.delete(typed).send().await;
                if answer.status == 204 {
                    return true;
                }
                answer.error(404);
                false
            }
        }
    }

    /// Returns whether a create is refused because the environment is full.
    async fn is_full(self, device: &Device<'_>) -> bool {
        match self {
            Self::Grpc => {
                let answer = device.server.codes().create_registration_code(request::create()).await;
                answer.is_err_and(|status| status.code() == Code::ResourceExhausted)
            }
            Self::Rest => {
                let answer = device.create("").send().await;
                answer.status == 503 && answer.headers.contains_key("retry-after")
            }
        }
    }
}

#[tokio::test]
async fn a_code_is_read_back_until_it_is_deleted() {
    for (maker, user) in PAIRS {
        let server = TestServer::start();
        let device = Device::of(&server).await;
        let created = maker.create(&device, 600).await;
        assert_eq!(user.read(&device, &created.code).await, Some(created.clone()), "{maker:?} {user:?}");
        assert!(user.delete(&device, &created.code).await, "{maker:?} {user:?}");
        assert_eq!(maker.read(&device, &created.code).await, None, "{maker:?} {user:?}");
        assert!(!maker.delete(&device, &created.code).await, "{maker:?} {user:?}");
    }
}

#[tokio::test]
async fn a_code_expires_at_the_exact_millisecond() {
    for (maker, user) in PAIRS {
        let server = TestServer::start();
        let device = Device::of(&server).await;
        let created = maker.create(&device, 5).await;
        server.clock.advance(Duration::from_millis(4_999));
        assert!(user.read(&device, &created.code).await.is_some(), "{maker:?} {user:?}");
        server.clock.advance(Duration::from_millis(1));
        assert_eq!(user.read(&device, &created.code).await, None, "{maker:?} {user:?}");
    }
}

#[tokio::test]
async fn typed_codes_are_folded() {
    for (maker, user) in PAIRS {
        let server = TestServer::start();
        let device = Device::of(&server).await;
        let created = maker.create(&device, 600).await;
        let (head, tail) = created.code.split_at(3);
        let typed = format!("{}-{}", head.to_ascii_lowercase(), tail);
        assert_eq!(user.read(&device, &typed).await, Some(created), "{maker:?} {user:?}");
    }
}

#[tokio::test]
async fn another_requestors_code_is_not_found() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    let mut foreign = request::create();
    foreign.requestor_id = "OTHER".to_owned();
    let code = server.created_by(foreign).await.code;
    for user in [Face::Grpc, Face::Rest] {
        assert_eq!(user.read(&device, &code).await, None, "{user:?}");
        assert!(!user.delete(&device, &code).await, "{user:?}");
    }
}

#[tokio::test]
async fn a_code_in_use_is_not_reissued() {
    for (maker, user) in PAIRS {
        let server = TestServer::start();
        let device = Device::of(&server).await;
        server.randomness.draw_next("BCDFGHJ");
        let first = maker.create(&device, 600).await;
        assert_eq!(first.code, "BCDFGHJ");
        server.randomness.draw_next("BCDFGHJ");
        let second = user.create(&device, 600).await;
        assert_ne!(second.code, first.code, "{maker:?} {user:?}");
    }
}

#[tokio::test]
async fn both_faces_share_the_limit_of_live_codes() {
    for (maker, user) in PAIRS {
        let server = TestServer::configured(|config| config.codes.max_live_codes = 1);
        let device = Device::of(&server).await;
        let created = maker.create(&device, 600).await;
        assert!(user.is_full(&device).await, "{maker:?} {user:?}");
        assert!(maker.delete(&device, &created.code).await);
        assert!(!user.is_full(&device).await, "{maker:?} {user:?}");
    }
}

#[tokio::test]
async fn a_watch_sees_what_the_other_face_does() {
    for maker in [Face::Grpc, Face::Rest] {
        let server = TestServer::start();
        let device = Device::of(&server).await;
        let created = maker.create(&device, 600).await;
        let watch = request::watch(&created.code);
        let mut states = server.codes().watch_registration_code(watch).await.expect("watches").into_inner();
        let mut next = async || {
            let message = states.message().await.expect("continues");
            message.map(|message| message.registration_code.expect("present").state())
        };
        assert_eq!(next().await, Some(State::Pending), "{maker:?}");
        assert!(Face::Rest.delete(&device, &created.code).await);
        assert_eq!(next().await, Some(State::Released), "{maker:?}");
        assert_eq!(next().await, None, "{maker:?}");
    }
}

#[tokio::test]
async fn a_viewer_has_one_failed_lookup_budget_on_both_faces() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    let code = device.created().await;
    for _ in 0..10 {
        assert_eq!(Face::Rest.read(&device, "BCDFGHJ").await, None);
    }
    let over = device.read(&code).send().await;
    assert_eq!((over.status.as_u16(), over.header("content-type")), (429, "text/html"), "{over:?}");
    assert_eq!(over.header("retry-after"), "6");
    let mut typed = request::get(&code);
    typed.viewer_ip = "127.0.0.1".to_owned();
    let answer = server.codes().get_registration_code(typed).await;
    refused(answer, Code::ResourceExhausted, "LOOKUP_BUDGET_EXHAUSTED");
}

#[tokio::test]
async fn grpc_reads_every_value_of_a_record_created_over_rest() {
    let server = TestServer::start();
    let mut application = statement_command();
    application.software_id = "app".to_owned();
    application.client_name = "TV app".to_owned();
    application.software_version = "2.1".to_owned();
    let device = Device { server: &server, token: access_token(&server, application).await };
    let parameters =
        "mvpd=m1&deviceType=xbox&deviceUser=u&appId=a&appVersion=1&registrationURL=http%3A%2F%2Fx";
    let record = device.create(parameters).header("user-agent", "TV/1").send().await.json(201);

    let code = record["code"].as_str().expect("a code");
    let read = server.codes().get_registration_code(request::get(code)).await.expect("reads").into_inner();
    let read = read.registration_code.expect("present");
    assert_eq!((read.device_id.as_str(), read.mvpd_id.as_str()), ("device", "m1"));
    assert_eq!((read.user_agent.as_str(), read.authorization_type.as_str()), ("TV/1", "OAUTH2"));
    assert_eq!(record["info"]["deviceInfo"], read.encoded_device_info);
    let source = read.source_application.expect("present");
    assert_eq!((source.id.as_str(), source.name.as_str(), source.version.as_str()), ("app", "TV app", "2.1"));
    let legacy = read.legacy.expect("present");
    assert_eq!((legacy.device_type.as_str(), legacy.registration_url.as_str()), ("xbox", "http://x"));
}
