//! TempPasses over the provider: decisions and profiles of v2, resets of v3.

use passbridge::{
    config::{BackendKind, TempPassIdentity},
    proto::v1::{
        AuthorizeTempPassRequest, AuthorizeTempPassResponse, BatchResetTempPassRequest, Decision,
        DenialReason, GetTempPassRequest, ResetFlexibleTempPassRequest, ResetTempPassRequest, TempPass,
        authorize_temp_pass_request, batch_reset_temp_pass_request, get_temp_pass_request,
        reset_flexible_temp_pass_request, reset_temp_pass_request, temp_pass::State,
    },
};
use tonic::Code;

use crate::support::{
    self, Bridge, DEVICE_IP,
    request::{REQUESTOR, roku},
    status::{refused, violated},
};

/// The example of the source documents: SHA-256 of user@domain.com.
const USER: &str = "user@domain.com";
const DIGEST: &str = "f7ee5ec7312165148b69fcca1d29075b14b8aef0b5048a332b18b88d09069fb7";

fn authorize(mvpd_id: &str, resource_id: &str) -> AuthorizeTempPassRequest {
    let user = authorize_temp_pass_request::Identity::UserIdentifier(USER.to_owned());
    AuthorizeTempPassRequest {
        identity: (mvpd_id == "TempPassREF").then_some(user),
        ..support::authorize("the device", mvpd_id, resource_id)
    }
}

fn get_trial(mvpd_id: &str) -> GetTempPassRequest {
    let user = get_temp_pass_request::Identity::UserIdentifier(USER.to_owned());
    GetTempPassRequest {
        requestor_id: REQUESTOR.to_owned(),
        mvpd_id: mvpd_id.to_owned(),
        device_id: "the device".to_owned(),
        device: Some(get_temp_pass_request::Device::DeviceInfo(roku())),
        device_ip: DEVICE_IP.to_owned(),
        identity: (mvpd_id == "TempPassREF").then_some(user),
        ..GetTempPassRequest::default()
    }
}

async fn authorized(bridge: &Bridge, mvpd_id: &str, resource_id: &str) -> AuthorizeTempPassResponse {
    let answer = bridge.server.temp_passes().authorize_temp_pass(authorize(mvpd_id, resource_id)).await;
    answer.expect("decides").into_inner()
}

async fn read_trial(bridge: &Bridge, mvpd_id: &str) -> TempPass {
    let answer = bridge.server.temp_passes().get_temp_pass(get_trial(mvpd_id)).await;
    answer.expect("answers").into_inner().temp_pass.expect("present")
}

#[tokio::test]
async fn a_trial_starts_permits_and_is_reset() {
    for backend in [BackendKind::Local, BackendKind::V2] {
        let bridge = Bridge::over(backend).await;
        assert_eq!(read_trial(&bridge, "TempPass").await.state(), State::NotStarted, "{backend:?}");
        let answer = authorized(&bridge, "TempPass", "channel").await;
        assert_eq!(
            (answer.decision(), answer.denial_reason()),
            (Decision::Permit, DenialReason::Unspecified)
        );
        assert_eq!(answer.media_token.is_some(), backend == BackendKind::V2, "only v2 issues media tokens");
        let trial = read_trial(&bridge, "TempPass").await;
        assert_eq!(trial.state(), State::Active);
        let (start, end) = (trial.start_time.expect("has started"), trial.expire_time.expect("ends"));
        assert_eq!(end.seconds - start.seconds, 4 * 3600);

        let reset = ResetTempPassRequest {
            requestor_id: REQUESTOR.to_owned(),
            mvpd_id: "TempPass".to_owned(),
            target: Some(reset_temp_pass_request::Target::DeviceId("the device".to_owned())),
            ..ResetTempPassRequest::default()
        };
        let count = bridge
            .server
            .temp_passes()
            .reset_temp_pass(reset)
            .await
            .expect("resets")
            .into_inner()
            .reset_count;
        assert_eq!(
            count,
            (backend == BackendKind::Local).then_some(1),
            "the provider does not return a count"
        );
        assert_eq!(read_trial(&bridge, "TempPass").await.state(), State::NotStarted, "{backend:?}");
    }
}

#[tokio::test]
async fn a_promotional_trial_ends_with_its_resources_or_its_duration() {
    for backend in [BackendKind::Local, BackendKind::V2] {
        let bridge = Bridge::over(backend).await;
        for resource in ["a", "b", "c", "d", "e"] {
            assert_eq!(authorized(&bridge, "TempPassREF", resource).await.decision(), Decision::Permit);
        }
        let denied = authorized(&bridge, "TempPassREF", "f").await;
        assert_eq!(
            (denied.decision(), denied.denial_reason()),
            (Decision::Deny, DenialReason::ResourcesExhausted)
        );
        assert_eq!(
            authorized(&bridge, "TempPassREF", "a").await.decision(),
            Decision::Permit,
            "a player may continue"
        );
        let trial = read_trial(&bridge, "TempPassREF").await;
        assert_eq!((trial.state(), trial.remaining_resources), (State::Exhausted, Some(0)), "{backend:?}");
        assert_eq!(trial.used_resources, ["a", "b", "c", "d", "e"]);

        bridge.advance(std::time::Duration::from_secs(24 * 3600 + 1)).await;
        let denied = authorized(&bridge, "TempPassREF", "a").await;
        assert_eq!(
            (denied.decision(), denied.denial_reason()),
            (Decision::Deny, DenialReason::Expired),
            "{backend:?}"
        );
    }
}

/// As documented, a TempPass also has a profile before its first authorization.
#[tokio::test]
async fn a_trial_with_a_profile_but_no_use_has_not_started() {
    let bridge = Bridge::over(BackendKind::V2).await;
    bridge.provider.control("POST", "settings", serde_json::json!({ "trial_profiles": "usable" })).await;
    for (mvpd, resources) in [("TempPass", None), ("TempPassREF", Some(5))] {
        for _ in 0..2 {
            let trial = read_trial(&bridge, mvpd).await;
            assert_eq!((trial.state(), trial.remaining_resources), (State::NotStarted, resources), "{mvpd}");
            assert_eq!((trial.start_time, trial.expire_time), (None, None), "{mvpd}");
            bridge.advance(std::time::Duration::from_secs(60)).await;
        }
        assert_eq!(authorized(&bridge, mvpd, "channel").await.decision(), Decision::Permit);
        for _ in 0..2 {
            let trial = read_trial(&bridge, mvpd).await;
            assert_eq!(trial.state(), State::Active, "{mvpd}");
            assert!(trial.start_time.is_some() && trial.expire_time.is_some(), "{mvpd}");
            bridge.advance(std::time::Duration::from_secs(60)).await;
        }
    }
}

#[tokio::test]
async fn version_1_only_resets() {
    let bridge = Bridge::over(BackendKind::V1).await;
    let mut temp_passes = bridge.server.temp_passes();
    let answer = temp_passes.authorize_temp_pass(authorize("TempPass", "channel")).await;
    refused(answer, Code::Unimplemented, "UNSUPPORTED_OPERATION");
    refused(
        temp_passes.get_temp_pass(get_trial("TempPass")).await,
        Code::Unimplemented,
        "UNSUPPORTED_OPERATION",
    );
}

#[tokio::test]
async fn resets_use_the_providers_parameters() {
    for backend in [BackendKind::V1, BackendKind::V2] {
        let bridge = Bridge::over(backend).await;
        let mut temp_passes = bridge.server.temp_passes();
        let device = |target, app_id: &str| ResetTempPassRequest {
            requestor_id: REQUESTOR.to_owned(),
            mvpd_id: "TempPass".to_owned(),
            target: Some(target),
            app_id: app_id.to_owned(),
            ..ResetTempPassRequest::default()
        };
        let one = reset_temp_pass_request::Target::DeviceId("a device/1&x".to_owned());
        temp_passes.reset_temp_pass(device(one, "app")).await.expect("resets");
        let all = reset_temp_pass_request::Target::AllDevices(true);
        temp_passes.reset_temp_pass(device(all, "")).await.expect("resets");
        let key = |target| ResetFlexibleTempPassRequest {
            requestor_id: REQUESTOR.to_owned(),
            mvpd_id: "TempPassREF".to_owned(),
            target: Some(target),
            ..ResetFlexibleTempPassRequest::default()
        };
        let user = reset_flexible_temp_pass_request::Target::UserIdentifier(USER.to_owned());
        temp_passes.reset_flexible_temp_pass(key(user)).await.expect("resets");
        let all = reset_flexible_temp_pass_request::Target::AllKeys(true);
        temp_passes.reset_flexible_temp_pass(key(all)).await.expect("resets");

        let calls = bridge.provider.calls_to("/reset-tempass/").await;
        let sent: Vec<_> = calls
            .iter()
            .map(|call| {
                let text = |key: &str| call[key].as_str().expect("text").to_owned();
                (text("path"), text("query"))
            })
            .collect();
        let reset = "/reset-tempass/v3/reset";
        let expected = [
            (
                reset.to_owned(),
                "requestor_id=REF&mvpd_id=TempPass&device_id=a+device%2F1%26x&appId=app".to_owned(),
            ),
            (reset.to_owned(), "requestor_id=REF&mvpd_id=TempPass&device_id=all".to_owned()),
            (format!("{reset}/generic"), format!("requestor_id=REF&mvpd_id=TempPassREF&key={DIGEST}")),
            (format!("{reset}/generic"), "requestor_id=REF&mvpd_id=TempPassREF&key=all".to_owned()),
        ];
        assert_eq!(sent, expected, "{backend:?}");
    }
}

#[tokio::test]
async fn the_provider_gets_only_the_digest_of_a_user_by_default() {
    for (identity, expected) in [(TempPassIdentity::Digest, DIGEST), (TempPassIdentity::Clear, USER)] {
        let bridge = Bridge::configured(BackendKind::V2, |config| {
            let environment = config.environments.get_mut("default").expect("present");
            environment.requestors.get_mut(REQUESTOR).expect("present").temp_pass_identity = identity;
        })
        .await;
        authorized(&bridge, "TempPassREF", "channel").await;
        let calls = bridge.provider.calls_to("/api/v2/REF/decisions/").await;
        let header = calls[0]["headers"]["ap-temppass-identity"].as_str().expect("text");
        let decoded =
            base64::Engine::decode(&base64::engine::general_purpose::STANDARD, header).expect("base64");
        let decoded: serde_json::Value = serde_json::from_slice(&decoded).expect("JSON");
        assert_eq!(decoded, serde_json::json!({ "email": expected }));
        let log = serde_json::Value::from(bridge.provider.calls().await).to_string();
        assert!(!log.contains(USER), "the identifier is not in clear text elsewhere");
    }
}

#[tokio::test]
async fn version_2_requires_device_information() {
    let bridge = Bridge::over(BackendKind::V2).await;
    let request = AuthorizeTempPassRequest { device: None, ..authorize("TempPass", "channel") };
    assert_eq!(violated(bridge.server.temp_passes().authorize_temp_pass(request).await), ["device"]);
}

#[tokio::test]
async fn a_decision_of_an_operator_is_not_a_temp_pass() {
    let bridge = Bridge::over(BackendKind::V2).await;
    let created = bridge.created().await;
    bridge.provider.log_in(&created.code, "Cablevision").await;
    let mut temp_passes = bridge.server.temp_passes();
    let answer = temp_passes.authorize_temp_pass(authorize("Cablevision", "channel")).await;
    refused(answer, Code::FailedPrecondition, "NOT_A_TEMP_PASS");
    refused(
        temp_passes.get_temp_pass(get_trial("Cablevision")).await,
        Code::FailedPrecondition,
        "NOT_A_TEMP_PASS",
    );
}

#[tokio::test]
async fn a_batch_is_not_limited_by_the_answer_timeout() {
    let bridge = Bridge::configured(BackendKind::V2, |config| {
        // This timeout applies to the start of a response, which is sent at once.
        config.grpc.answer_timeout = passbridge::config::HumanDuration(std::time::Duration::from_millis(150));
    })
    .await;
    bridge.provider.fault(serde_json::json!({ "path": "/reset-tempass/", "delay": { "ms": 400 } })).await;
    let item = BatchResetTempPassRequest {
        item_id: "one".to_owned(),
        item: Some(batch_reset_temp_pass_request::Item::TempPass(ResetTempPassRequest {
            requestor_id: REQUESTOR.to_owned(),
            mvpd_id: "TempPass".to_owned(),
            target: Some(reset_temp_pass_request::Target::DeviceId("the device".to_owned())),
            ..ResetTempPassRequest::default()
        })),
    };
    let mut answers = bridge
        .server
        .temp_passes()
        .batch_reset_temp_pass(futures_util::stream::iter([item]))
        .await
        .expect("starts")
        .into_inner();
    let answer = answers.message().await.expect("continues").expect("an answer");
    assert_eq!(answer.status.expect("present").code, 0, "the reset may take longer than the answer timeout");
}

#[tokio::test]
async fn a_reset_with_an_unknown_outcome_writes_an_audit_entry() {
    let bridge = Bridge::over(BackendKind::V1).await;
    bridge.provider.fault(serde_json::json!({ "path": "/reset-tempass/", "close": {} })).await;
    let reset = ResetTempPassRequest {
        requestor_id: REQUESTOR.to_owned(),
        mvpd_id: "TempPass".to_owned(),
        target: Some(reset_temp_pass_request::Target::AllDevices(true)),
        ..ResetTempPassRequest::default()
    };
    let mut temp_passes = bridge.server.temp_passes();
    let answer = bridge.while_time_passes(temp_passes.reset_temp_pass(reset)).await;
    refused(answer, Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    let log = std::fs::read_to_string(bridge.server.data().join("audit.log")).expect("readable");
    let entry: serde_json::Value = serde_json::from_str(log.lines().last().expect("an entry")).expect("JSON");
    assert_eq!(
        (&entry["target"], &entry["result"]),
        (&serde_json::json!("all"), &serde_json::json!("unknown"))
    );
}
