//! Additional parameters of version 1 clients that version 2 expects elsewhere.

use base64::{Engine, engine::general_purpose::STANDARD};
use passbridge::{
    config::BackendKind,
    proto::v1::{CreateRegistrationCodeRequest, LegacyParameters},
};
use serde_json::Value;

use crate::support::{Bridge, create, rest::Device};

async fn opened(bridge: &Bridge) -> Value {
    let calls = bridge.provider.calls().await;
    let opens = |call: &&Value| call["path"] == "/api/v2/REF/sessions";
    calls.iter().rfind(opens).expect("a session was opened").clone()
}

fn identifier(text: &str) -> String {
    format!("fingerprint {}", STANDARD.encode(text))
}

#[tokio::test]
async fn parameters_for_the_provider_are_sent_in_headers() {
    let bridge = Bridge::over(BackendKind::V2).await;
    let device = Device::of(&bridge.server).await;
    let create = |query: &str| device.create(query);
    let with_both =
        create("ap_vi=a%20visitor&ast=a.token").header("x-roku-reserved-roku-connect-token", "roku");
    assert_eq!(with_both.send().await.status, 201);
    let headers = &opened(&bridge).await["headers"];
    assert_eq!(headers["ap-visitor-identifier"], "a visitor");
    assert_eq!(headers["adobe-subject-token"], "a.token");
    assert_eq!(headers["x-roku-reserved-roku-connect-token"], "roku");

    let in_header = create("ast=a.token").header("adobe-subject-token", "another.token");
    assert_eq!(in_header.send().await.status, 201);
    assert_eq!(opened(&bridge).await["headers"]["adobe-subject-token"], "another.token");

    let too_long = create(&format!("ast={}", "a".repeat(5_000)));
    assert_eq!(too_long.send().await.status, 201);
    let headers = &opened(&bridge).await["headers"];
    assert!(headers.get("adobe-subject-token").is_none() && headers.get("ap-visitor-identifier").is_none());
}

#[tokio::test]
async fn each_application_and_user_of_a_device_counts_as_its_own_device() {
    let bridge = Bridge::over(BackendKind::V2).await;
    for (app_id, device_user, known_as) in [
        ("", "", "the device"),
        ("app", "", "the device|app"),
        ("app", "user", "the device|app|user"),
        ("", "user", "the device||user"),
    ] {
        let (app_id, device_user) = (app_id.to_owned(), device_user.to_owned());
        let legacy = LegacyParameters { app_id, device_user, ..LegacyParameters::default() };
        let request = CreateRegistrationCodeRequest { legacy: Some(legacy), ..create() };
        let created =
            bridge.server.codes().create_registration_code(request).await.expect("creates").into_inner();
        assert_eq!(created.warnings, []);
        assert_eq!(created.registration_code.expect("present").device_id, "the device");
        assert_eq!(opened(&bridge).await["headers"]["ap-device-identifier"], identifier(known_as));
    }
}
