//! Logouts.

use passbridge::config::BackendKind;
use serde_json::json;
use tonic::Code;

use super::{client, known_bridge, list, logout, profile, put_profile};
use crate::support::{Bridge, request::REQUESTOR, status::refused};

#[tokio::test]
async fn a_logout_ends_all_logins_and_returns_the_newest_ones_page() {
    let bridge = Bridge::configured(BackendKind::V2, |config| {
        let environment = config.environments.get_mut("default").expect("present");
        let requestor = environment.requestors.get_mut(REQUESTOR).expect("present");
        requestor.logout_redirect_url = Some("https://example.com/goodbye".to_owned());
    })
    .await;
    let mut client = client(&bridge);
    client.list_mvpds(list()).await.expect("lists");
    put_profile(&bridge, "Cablevision", json!({ "not_before_ms": 1_000 })).await;
    put_profile(&bridge, "Dish", json!({ "not_before_ms": 3_000 })).await;
    put_profile(&bridge, "Spectrum", json!({ "not_before_ms": 2_000 })).await;
    let ended = bridge.while_time_passes(client.logout(logout())).await.expect("logs out").into_inner();
    assert_eq!(ended.mvpd_ids, ["Dish", "Spectrum", "Cablevision"]);
    let url = ended.logout_url.expect("Spectrum has a logout page");
    assert!(url.contains("mso_id=Spectrum") && url.contains("goodbye"), "{url}");
    for mvpd in ["Cablevision", "Dish", "Spectrum"] {
        refused(profile(&bridge, mvpd).await, Code::NotFound, "PROFILE_NOT_FOUND");
    }
}

#[tokio::test]
async fn one_failed_logout_does_not_stop_the_others_and_can_be_repeated() {
    let bridge = known_bridge().await;
    put_profile(&bridge, "Cablevision", json!({ "not_before_ms": 2_000 })).await;
    put_profile(&bridge, "Spectrum", json!({ "not_before_ms": 1_000 })).await;
    let problem = json!({ "code": "invalid_configuration_platform" });
    bridge.provider.fault(json!({ "path": "/api/v2/REF/logout/Cablevision", "problem": problem })).await;
    let mut client = client(&bridge);
    let answer = bridge.while_time_passes(client.logout(logout())).await;
    refused(answer, Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    refused(profile(&bridge, "Spectrum").await, Code::NotFound, "PROFILE_NOT_FOUND");
    profile(&bridge, "Cablevision").await.expect("still logged in");
    bridge.provider.clear_faults().await;
    let ended = bridge.while_time_passes(client.logout(logout())).await.expect("logs out").into_inner();
    assert_eq!(ended.mvpd_ids, ["Cablevision"]);
}
