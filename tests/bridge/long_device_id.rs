//! Devices that are identified by a platform's token of up to 2 048 bytes, which reaches the provider unchanged.

use base64::{Engine, engine::general_purpose::STANDARD};
use passbridge::{
    config::BackendKind,
    proto::v1::{CreateRegistrationCodeRequest, Decision, ResetTempPassRequest, reset_temp_pass_request},
};

use crate::support::{
    Bridge, authorize, create,
    request::{self, REQUESTOR},
};

/// 2 048 bytes, each of which takes three characters in a URL.
fn long() -> String {
    "\u{fc}".repeat(1_024)
}

fn in_url() -> String {
    "%C3%BC".repeat(1_024)
}

#[tokio::test]
async fn a_code_is_created_and_read_for_a_device_with_a_long_id() {
    for backend in [BackendKind::V1, BackendKind::V2] {
        let bridge = Bridge::over(backend).await;
        bridge.provider.forget_calls().await;
        let request = CreateRegistrationCodeRequest { device_id: Some(long()), ..create() };
        let created = bridge.server.created_by(request).await;
        assert_eq!(created.device_id, long(), "{backend:?}");
        let read = bridge.server.codes().get_registration_code(request::get(&created.code)).await;
        let read = read.expect("reads").into_inner().registration_code.expect("present");
        assert_eq!(read.device_id, long(), "{backend:?}");

        let calls =
            bridge.provider.calls_to(if backend == BackendKind::V1 { "/reggie/" } else { "/api/v2/" }).await;
        if backend == BackendKind::V1 {
            assert_eq!(
                (&calls[0]["query"], &calls[0]["status"]),
                (&"".into(), &201.into()),
                "the id is not in the URL"
            );
            let body = calls[0]["body"].as_str().expect("text");
            assert!(body.contains(&format!("deviceId={}", in_url())), "{body}");
        } else {
            let identifier = format!("fingerprint {}", STANDARD.encode(long()));
            assert_eq!(calls[0]["headers"]["ap-device-identifier"], identifier);
        }
    }
}

#[tokio::test]
async fn a_trial_is_authorized_and_reset_for_a_device_with_a_long_id() {
    for backend in [BackendKind::V1, BackendKind::V2] {
        let bridge = Bridge::over(backend).await;
        let mut temp_passes = bridge.server.temp_passes();
        if backend == BackendKind::V2 {
            let decided = temp_passes
                .authorize_temp_pass(authorize(&long(), "TempPass", "channel"))
                .await
                .expect("decides")
                .into_inner();
            assert_eq!(decided.decision(), Decision::Permit);
        }
        let reset = ResetTempPassRequest {
            requestor_id: REQUESTOR.to_owned(),
            mvpd_id: "TempPass".to_owned(),
            target: Some(reset_temp_pass_request::Target::DeviceId(long())),
            ..ResetTempPassRequest::default()
        };
        temp_passes.reset_temp_pass(reset).await.expect("resets");
        let calls = bridge.provider.calls_to("/reset-tempass/").await;
        let query = calls[0]["query"].as_str().expect("text");
        assert!(query.contains(&format!("device_id={}", in_url())), "{backend:?}: {query}");
    }
}
