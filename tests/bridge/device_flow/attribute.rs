//! Viewer attributes of operators, with every JSON type.

use serde_json::{Value, json};

use super::{DEVICE_ID, MVPD, answer, code, control, field, second_screen, tv};

const PATH: &str = "/api/v1/tokens/usermetadata";

async fn put(bridge: &crate::support::Bridge, attributes: Value) {
    let profile =
        json!({ "service_provider": "REF", "device_id": DEVICE_ID, "mvpd": MVPD, "attributes": attributes });
    control(bridge, "profiles", profile).await;
}

#[tokio::test]
async fn attributes_of_every_json_type_are_returned_unchanged() {
    let bridge = field().await;
    let tv = tv(&bridge).await;
    let code = code(&tv).await;
    second_screen::log_in(&bridge, &code, MVPD).await;
    let attributes = json!({
        "typeID": 7, "ratio": 1.5, "inHome": false, "zip": { "value": ["UkVG", "QkFS"], "state": "enc" },
        "channelID": [], "maxRating": { "MPAA": "R", "VCHIP": null, "deep": { "er": [1, { "a": true }] } },
        "language": "de <&> \"Ä\"", "1st key": "no name of an element", "hba_status": { "value": null, "state": "plain" },
        "failed": { "value": null, "state": "plain", "error": "invalid_configuration_user_metadata_certificate" },
    });
    put(&bridge, attributes).await;
    let device = format!("requestor=REF&deviceId={DEVICE_ID}");
    let metadata = answer::json(&tv.get(&format!("{PATH}.json?{device}")).await, 200);
    let data = &metadata["data"];
    assert_eq!((&data["typeID"], &data["ratio"], &data["inHome"]), (&json!(7), &json!(1.5), &json!(false)));
    assert_eq!(data["maxRating"]["deep"], json!({ "er": [1, { "a": true }] }));
    assert_eq!((&data["language"], &data["channelID"]), (&json!("de <&> \"Ä\""), &json!([])));
    assert_eq!(data["zip"], json!(["UkVG", "QkFS"]));
    assert_eq!(metadata["encrypted"], json!(["zip"]));
    assert!(data.get("failed").is_none(), "{metadata}");

    let xml = tv.get(&format!("{PATH}.xml?{device}")).await;
    let xml = answer::xml(&xml, 200);
    assert!(xml.contains("de &lt;&amp;&gt;") && xml.contains("<zip>UkVG</zip><zip>QkFS</zip>"), "{xml}");
    assert!(!xml.contains("<1st"), "not a valid XML name: {xml}");
}

#[tokio::test]
async fn attributes_changed_by_an_authorization_are_visible_at_once_with_their_time() {
    let bridge = field().await;
    let tv = tv(&bridge).await;
    let code = code(&tv).await;
    second_screen::log_in(&bridge, &code, MVPD).await;
    let since = bridge.provider.advance(0).await;
    let put = async |language: &str| {
        let profile = json!({ "service_provider": "REF", "device_id": DEVICE_ID, "mvpd": MVPD, "user": "ann",
            "not_before_ms": since, "attributes": { "language": language } });
        control(&bridge, "profiles", profile).await;
    };
    put("en").await;
    let path = format!("{PATH}.json?requestor=REF&deviceId={DEVICE_ID}");
    let before = answer::json(&tv.get(&path).await, 200);
    bridge.advance(std::time::Duration::from_secs(10)).await;
    let same = answer::json(&tv.get(&path).await, 200);
    assert_eq!(same["updated"], before["updated"]);
    put("fr").await;
    let after = answer::json(&tv.get(&path).await, 200);
    assert_eq!(after["data"]["language"], "fr");
    assert!(after["updated"].as_i64() > before["updated"].as_i64(), "{before} {after}");
}

#[tokio::test]
async fn a_viewer_without_attributes_has_no_metadata() {
    let bridge = field().await;
    let tv = tv(&bridge).await;
    let code = code(&tv).await;
    second_screen::log_in(&bridge, &code, MVPD).await;
    bridge
        .provider
        .fault(json!({ "path": "/api/v2/REF/profiles", "merge": {
        "profiles": { MVPD: { "attributes": null } },
    } }))
        .await;
    let path = format!("{PATH}.json?requestor=REF&deviceId={DEVICE_ID}");
    answer::message(&tv.get(&path).await, 404);
}
