//! The life of a trial, and the resets that are refused.

use std::{fs, time::Duration};

use passbridge::{
    config::{HumanDuration, TempPassConfig, TempPassKind},
    proto::v1::{
        AuthorizeTempPassRequest, AuthorizeTempPassResponse, Decision, DenialReason, GetTempPassRequest,
        HashAlgorithm, ResetFlexibleTempPassRequest, ResetTempPassRequest,
        authorize_temp_pass_request::Identity, get_temp_pass_request,
        reset_flexible_temp_pass_request::Target as FlexibleTarget, reset_temp_pass_request::Target,
        temp_pass::State,
    },
};
use tonic::{Code, Request};

use crate::support::{
    request::REQUESTOR,
    status::{refused, violated},
    test_server::{TestServer, environment},
};

const BASIC: &str = "TempPass";
const PROMOTIONAL: &str = "TempPassREF";

/// The documented example and its SHA-256 digest.
const IDENTIFIER: &str = "user@domain.com";
const DIGEST: &str = "f7ee5ec7312165148b69fcca1d29075b14b8aef0b5048a332b18b88d09069fb7";

pub fn authorize(mvpd: &str, device: &str, key: Option<&str>, resource: &str) -> AuthorizeTempPassRequest {
    AuthorizeTempPassRequest {
        requestor_id: REQUESTOR.to_owned(),
        mvpd_id: mvpd.to_owned(),
        device_id: device.to_owned(),
        identity: key.map(|key| Identity::GenericKey(key.to_owned())),
        resource_id: resource.to_owned(),
        ..AuthorizeTempPassRequest::default()
    }
}

fn get(mvpd: &str, device: &str, key: Option<&str>) -> GetTempPassRequest {
    GetTempPassRequest {
        requestor_id: REQUESTOR.to_owned(),
        mvpd_id: mvpd.to_owned(),
        device_id: device.to_owned(),
        identity: key.map(|key| get_temp_pass_request::Identity::GenericKey(key.to_owned())),
        ..GetTempPassRequest::default()
    }
}

pub fn reset(target: Target) -> ResetTempPassRequest {
    ResetTempPassRequest {
        requestor_id: REQUESTOR.to_owned(),
        mvpd_id: BASIC.to_owned(),
        target: Some(target),
        ..ResetTempPassRequest::default()
    }
}

pub fn reset_flexible(target: FlexibleTarget) -> ResetFlexibleTempPassRequest {
    ResetFlexibleTempPassRequest {
        requestor_id: REQUESTOR.to_owned(),
        mvpd_id: PROMOTIONAL.to_owned(),
        target: Some(target),
        ..ResetFlexibleTempPassRequest::default()
    }
}

fn device(id: &str) -> Target {
    Target::DeviceId(id.to_owned())
}

async fn authorized(server: &TestServer, request: AuthorizeTempPassRequest) -> AuthorizeTempPassResponse {
    server.temp_passes().authorize_temp_pass(request).await.expect("answers").into_inner()
}

async fn state(server: &TestServer, request: GetTempPassRequest) -> State {
    let answer = server.temp_passes().get_temp_pass(request).await.expect("answers").into_inner();
    answer.temp_pass.expect("present").state()
}

#[tokio::test]
async fn a_basic_trial_starts_runs_expires_and_restarts_after_a_reset() {
    let server = TestServer::start();
    assert_eq!(state(&server, get(BASIC, "a", None)).await, State::NotStarted);
    let first = authorized(&server, authorize(BASIC, "a", None, "channel 1")).await;
    assert_eq!((first.decision(), first.denial_reason()), (Decision::Permit, DenialReason::Unspecified));
    let trial = first.temp_pass.expect("present");
    let (start, end) = (trial.start_time.expect("set"), trial.expire_time.expect("set"));
    assert_eq!(end.seconds - start.seconds, 4 * 3600);
    assert_eq!((trial.remaining_resources, trial.used_resources.len()), (None, 0));

    server.clock.advance(Duration::from_secs(4 * 3600));
    let over = authorized(&server, authorize(BASIC, "a", None, "channel 1")).await;
    assert_eq!((over.decision(), over.denial_reason()), (Decision::Deny, DenialReason::Expired));
    assert_eq!(state(&server, get(BASIC, "a", None)).await, State::Expired);

    let mut temp_passes = server.temp_passes();
    let answer = temp_passes.reset_temp_pass(reset(device("a"))).await.expect("resets").into_inner();
    assert_eq!(answer.reset_count, Some(1));
    let answer = temp_passes.reset_temp_pass(reset(device("a"))).await.expect("resets").into_inner();
    assert_eq!(answer.reset_count, Some(0));
    let again = authorized(&server, authorize(BASIC, "a", None, "channel 1")).await;
    assert_eq!(again.decision(), Decision::Permit);
}

#[tokio::test]
async fn a_promotional_trial_limits_resources_and_follows_its_user_across_devices() {
    let server = TestServer::start();
    for (index, resource) in ["1", "2", "3", "4", "5"].into_iter().enumerate() {
        let answer = authorized(&server, authorize(PROMOTIONAL, "a", Some(DIGEST), resource)).await;
        let trial = answer.temp_pass.expect("present");
        assert_eq!(trial.remaining_resources, Some(4 - u32::try_from(index).expect("few")));
    }
    let other_device = authorized(&server, authorize(PROMOTIONAL, "b", Some(DIGEST), "6")).await;
    assert_eq!(other_device.denial_reason(), DenialReason::ResourcesExhausted);
    let trial = other_device.temp_pass.expect("present");
    assert_eq!((trial.state(), trial.used_resources.join(" ")), (State::Exhausted, "1 2 3 4 5".to_owned()));
    let playing = authorized(&server, authorize(PROMOTIONAL, "b", Some(DIGEST), "5")).await;
    assert_eq!(playing.decision(), Decision::Permit, "a player authorizes a playing resource again");

    let upper = FlexibleTarget::GenericKey(DIGEST.to_ascii_uppercase());
    let mut temp_passes = server.temp_passes();
    let answer = temp_passes.reset_flexible_temp_pass(reset_flexible(upper)).await.expect("resets");
    assert_eq!(answer.into_inner().reset_count, Some(1));
    for device in ["a", "b"] {
        assert_eq!(
            state(&server, get(PROMOTIONAL, device, Some(DIGEST))).await,
            State::NotStarted,
            "{device}"
        );
    }
}

#[tokio::test]
async fn an_identifier_and_its_digest_are_the_same_key() {
    let server = TestServer::start();
    let mut by_identifier = authorize(PROMOTIONAL, "a", None, "1");
    by_identifier.identity = Some(Identity::UserIdentifier(IDENTIFIER.to_owned()));
    assert!(!format!("{by_identifier:?}").contains(IDENTIFIER));
    authorized(&server, by_identifier.clone()).await;
    assert_eq!(state(&server, get(PROMOTIONAL, "b", Some(DIGEST))).await, State::Active);

    by_identifier.hash_algorithm = HashAlgorithm::Sha512.into();
    by_identifier.device_id = "c".to_owned();
    let other = authorized(&server, by_identifier).await.temp_pass.expect("present");
    assert_eq!(other.used_resources.len(), 1, "another digest is another key");

    let target = FlexibleTarget::UserIdentifier(IDENTIFIER.to_owned());
    let answer = server.temp_passes().reset_flexible_temp_pass(reset_flexible(target)).await.expect("resets");
    assert_eq!(answer.into_inner().reset_count, Some(1));
}

#[tokio::test]
async fn resetting_all_must_be_explicit() {
    let server = TestServer::start();
    authorized(&server, authorize(BASIC, "a", None, "1")).await;
    authorized(&server, authorize(BASIC, "b", None, "1")).await;
    let mut temp_passes = server.temp_passes();
    for target in ["", "all", "ALL", " All\t", "dummy"] {
        let answer = temp_passes.reset_temp_pass(reset(device(target))).await;
        assert_eq!(violated(answer), ["device_id"], "{target:?}");
    }
    let answer = temp_passes.reset_temp_pass(reset(Target::AllDevices(false))).await;
    assert_eq!(violated(answer), ["all_devices"]);
    let nothing = ResetTempPassRequest { target: None, ..reset(Target::AllDevices(true)) };
    assert_eq!(violated(temp_passes.reset_temp_pass(nothing).await), ["target"]);
    let all_of_one_app = ResetTempPassRequest { app_id: "app".to_owned(), ..reset(Target::AllDevices(true)) };
    assert_eq!(violated(temp_passes.reset_temp_pass(all_of_one_app).await), ["app_id"]);

    for target in ["", "all", " ALL ", "f7ee", &"g".repeat(64)] {
        let target = FlexibleTarget::GenericKey(target.to_owned());
        let answer = temp_passes.reset_flexible_temp_pass(reset_flexible(target.clone())).await;
        assert_eq!(violated(answer), ["generic_key"]);
    }
    for (target, field) in [
        (FlexibleTarget::UserIdentifier(String::new()), "user_identifier"),
        (FlexibleTarget::UserIdentifier("All".to_owned()), "user_identifier"),
        (FlexibleTarget::AllKeys(false), "all_keys"),
    ] {
        let answer = temp_passes.reset_flexible_temp_pass(reset_flexible(target)).await;
        assert_eq!(violated(answer), [field]);
    }
    let nothing =
        ResetFlexibleTempPassRequest { target: None, ..reset_flexible(FlexibleTarget::AllKeys(true)) };
    assert_eq!(violated(temp_passes.reset_flexible_temp_pass(nothing).await), ["target"]);
    for device in ["a", "b"] {
        assert_eq!(state(&server, get(BASIC, device, None)).await, State::Active, "{device}");
    }

    let all =
        temp_passes.reset_temp_pass(reset(Target::AllDevices(true))).await.expect("resets").into_inner();
    assert_eq!(all.reset_count, None);
    for device in ["a", "b"] {
        assert_eq!(state(&server, get(BASIC, device, None)).await, State::NotStarted, "{device}");
    }
}

#[tokio::test]
async fn a_reset_must_name_the_application_that_started_the_trial() {
    let server = TestServer::start();
    let mut first = authorize(BASIC, "a", None, "1");
    (first.app_id, first.device_user) = ("app".to_owned(), "user".to_owned());
    authorized(&server, first).await;
    let mut temp_passes = server.temp_passes();
    for (app_id, count) in [("other", Some(0)), ("app", Some(1))] {
        let request = ResetTempPassRequest { app_id: app_id.to_owned(), ..reset(device("a")) };
        let answer = temp_passes.reset_temp_pass(request).await.expect("resets").into_inner();
        assert_eq!(answer.reset_count, count, "{app_id}");
    }
}

#[tokio::test]
async fn a_basic_trial_refuses_a_user_and_a_promotional_one_requires_one() {
    let server = TestServer::start();
    let mut temp_passes = server.temp_passes();
    let answer = temp_passes.authorize_temp_pass(authorize(BASIC, "a", Some(DIGEST), "1")).await;
    assert_eq!(violated(answer), ["identity"]);
    let answer = temp_passes.authorize_temp_pass(authorize(PROMOTIONAL, "a", None, "1")).await;
    assert_eq!(violated(answer), ["identity"]);
    assert_eq!(violated(temp_passes.get_temp_pass(get(PROMOTIONAL, "a", None)).await), ["identity"]);
    let mut flexible = reset_flexible(FlexibleTarget::GenericKey(DIGEST.to_owned()));
    flexible.mvpd_id = BASIC.to_owned();
    let answer = temp_passes.reset_flexible_temp_pass(flexible).await;
    refused(answer, Code::FailedPrecondition, "TEMP_PASS_NOT_PROMOTIONAL");
}

#[tokio::test]
async fn every_invalid_field_is_named() {
    let server = TestServer::start();
    let mut temp_passes = server.temp_passes();
    let mut request = authorize("a b", "", Some("short"), &"r".repeat(10_000));
    request.hash_algorithm = HashAlgorithm::Sha512.into();
    request.device_ip = "nowhere".to_owned();
    request.app_id = "a".repeat(513);
    let fields = violated(temp_passes.authorize_temp_pass(request).await);
    assert_eq!(
        fields,
        ["app_id", "device_id", "device_ip", "generic_key", "hash_algorithm", "mvpd_id", "resource_id"]
    );
    let answer = temp_passes.authorize_temp_pass(authorize(BASIC, " ALL ", None, "1")).await;
    assert_eq!(violated(answer), ["device_id"], "a device named `all` could not be reset by id");
    let fields = violated(temp_passes.get_temp_pass(GetTempPassRequest::default()).await);
    assert_eq!(fields, ["device_id", "mvpd_id", "requestor_id"]);
}

#[tokio::test]
async fn only_configured_mvpds_are_temp_passes() {
    let server = TestServer::configured(|config| {
        environment(config, "default", &[REQUESTOR]);
        let temp_pass = TempPassConfig {
            kind: TempPassKind::Promotional,
            ttl: HumanDuration::from_secs(60),
            max_resources: Some(1),
            ..TempPassConfig::default()
        };
        let environment = config.environments.get_mut("default").expect("present");
        let requestor = environment.requestors.get_mut(REQUESTOR).expect("present");
        requestor.temp_passes.insert("Summer".to_owned(), temp_pass);
    });
    let answer = server.temp_passes().authorize_temp_pass(authorize(BASIC, "a", None, "1")).await;
    refused(answer, Code::NotFound, "TEMP_PASS_NOT_FOUND");
    let first = authorized(&server, authorize("Summer", "a", Some(DIGEST), "1")).await;
    assert_eq!(first.temp_pass.expect("present").state(), State::Exhausted);
    server.clock.advance(Duration::from_secs(60));
    let over = authorized(&server, authorize("Summer", "a", Some(DIGEST), "1")).await;
    assert_eq!(over.denial_reason(), DenialReason::Expired);
}

#[tokio::test]
async fn environments_and_requestors_do_not_share_trials() {
    let server = TestServer::configured(|config| {
        environment(config, "default", &[]);
        environment(config, "staging", &[]);
    });
    authorized(&server, authorize(BASIC, "a", None, "1")).await;
    let mut elsewhere = get(BASIC, "a", None);
    elsewhere.environment = "staging".to_owned();
    assert_eq!(state(&server, elsewhere).await, State::NotStarted);
    let mut another = get(BASIC, "a", None);
    another.requestor_id = "OTHER".to_owned();
    assert_eq!(state(&server, another).await, State::NotStarted);
}

#[tokio::test]
async fn each_reset_writes_an_audit_entry_without_identifiers() {
    let server = TestServer::start();
    let mut temp_passes = server.temp_passes();
    authorized(&server, authorize(BASIC, "living-room", None, "1")).await;
    let mut request = Request::new(reset(device("living-room")));
    request.metadata_mut().insert("x-request-id", "ticket-42".parse().expect("a value"));
    temp_passes.reset_temp_pass(request).await.expect("resets");
    let target = FlexibleTarget::UserIdentifier(IDENTIFIER.to_owned());
    temp_passes.reset_flexible_temp_pass(reset_flexible(target)).await.expect("resets");
    temp_passes.reset_temp_pass(reset(Target::AllDevices(true))).await.expect("resets");
    violated(temp_passes.reset_temp_pass(reset(device("all"))).await);

    let log = fs::read_to_string(server.data().join("audit.log")).expect("readable");
    for identifier in ["living-room", IDENTIFIER, DIGEST] {
        assert!(!log.contains(identifier), "{identifier}: {log}");
    }
    let entries: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(entries.len(), 3, "{log}");
    assert_eq!(entries[0]["time"], "2023-11-14T22:13:20.123Z");
    let fields = ["event", "caller", "face", "request_id", "environment", "requestor", "mvpd", "target"];
    let fields: Vec<_> = fields.into_iter().map(|key| entries[0][key].as_str().expect("text")).collect();
    assert_eq!(fields.join(" "), "temp_pass_reset anonymous grpc ticket-42 default REF TempPass device");
    assert_eq!((&entries[0]["reset_count"], &entries[1]["reset_count"]), (&1.into(), &0.into()));
    assert_eq!(entries[0]["target_digest"].as_str().expect("text").len(), 64);
    assert_eq!((&entries[1]["target"], &entries[2]["target"]), (&"key".into(), &"all".into()));
    assert!(entries[2]["reset_count"].is_null() && entries[2].get("target_digest").is_none());
}

#[tokio::test]
async fn a_refused_reset_also_writes_an_audit_entry() {
    let server = TestServer::start();
    let unknown = ResetTempPassRequest { mvpd_id: "Nowhere".to_owned(), ..reset(device("living-room")) };
    server.temp_passes().reset_temp_pass(unknown).await.expect_err("the TempPass does not exist");
    let log = fs::read_to_string(server.data().join("audit.log")).expect("readable");
    let entry: serde_json::Value = serde_json::from_str(log.trim_end()).expect("one entry");
    assert_eq!((&entry["mvpd"], &entry["result"]), (&"Nowhere".into(), &"refused".into()));
    assert!(entry["reason"].as_str().expect("a reason").contains("Nowhere"), "{entry}");
}
