//! Profiles: how logins are returned.

use std::time::Duration;

use passbridge::{
    config::BackendKind,
    proto::v1::{ProfileType, TempPass, temp_pass},
};
use serde_json::json;
use tonic::Code;

use super::{authorized, client, control, get, known_bridge, list, metadata, profile, put_profile};
use crate::support::{Bridge, request::REQUESTOR, status::refused};

#[tokio::test]
async fn without_an_operator_the_newest_login_is_returned() {
    let bridge = known_bridge().await;
    put_profile(&bridge, "Cablevision", json!({ "not_before_ms": 2_000 })).await;
    put_profile(&bridge, "Comcast_SSO", json!({ "not_before_ms": 3_000 })).await;
    put_profile(&bridge, "Spectrum", json!({ "not_before_ms": 1_000 })).await;
    assert_eq!(profile(&bridge, "").await.expect("present").mvpd_id, "Comcast_SSO");
    assert_eq!(authorized(&bridge, "", "news").await.mvpd_id, "Comcast_SSO");
    assert_eq!(profile(&bridge, "Spectrum").await.expect("present").mvpd_id, "Spectrum");
}

#[tokio::test]
async fn each_type_of_login_is_reported() {
    let bridge = known_bridge().await;
    for (name, expected) in [
        ("regular", ProfileType::Regular),
        ("degraded", ProfileType::Degraded),
        ("temporary", ProfileType::Temporary),
        ("appleSSO", ProfileType::AppleSso),
        ("platformSSO", ProfileType::PlatformSso),
        ("serviceTokenSSO", ProfileType::ServiceTokenSso),
    ] {
        put_profile(&bridge, "Cablevision", json!({ "type": name })).await;
        assert_eq!(profile(&bridge, "Cablevision").await.expect("present").r#type(), expected);
    }
}

#[tokio::test]
async fn an_expired_login_is_distinguished_from_none_where_the_provider_shows_it() {
    let bridge = known_bridge().await;
    put_profile(&bridge, "Cablevision", json!({ "ttl_ms": 3_600_000 })).await;
    // The provider's clock is slow.
    bridge.server.clock.advance(Duration::from_secs(3_601));
    refused(client(&bridge).get_profile(get("Cablevision")).await, Code::NotFound, "PROFILE_EXPIRED");
    let problem = json!({ "code": "authenticated_profile_expired" });
    bridge.provider.fault(json!({ "path": "/api/v2/REF/profiles/", "problem": problem })).await;
    refused(profile(&bridge, "Spectrum").await, Code::NotFound, "PROFILE_EXPIRED");
    bridge.provider.clear_faults().await;
    refused(profile(&bridge, "Spectrum").await, Code::NotFound, "PROFILE_NOT_FOUND");
}

#[tokio::test]
async fn a_revoked_login_is_not_returned() {
    let bridge = known_bridge().await;
    put_profile(&bridge, "Cablevision", json!({})).await;
    control(&bridge, "profiles/invalidate", json!({})).await;
    refused(profile(&bridge, "").await, Code::NotFound, "PROFILE_NOT_FOUND");
    refused(profile(&bridge, "Cablevision").await, Code::NotFound, "PROFILE_NOT_FOUND");
}

#[tokio::test]
async fn a_used_trial_is_expired_whatever_the_provider_returns_for_its_profile() {
    let bridge = known_bridge().await;
    control(&bridge, "settings", json!({ "trial_profiles": "usable" })).await;
    assert_eq!(profile(&bridge, "TempPass").await.expect("present").r#type(), ProfileType::Temporary);
    authorized(&bridge, "TempPass", "news").await;
    bridge.advance(Duration::from_secs(4 * 3_600)).await;
    refused(profile(&bridge, "TempPass").await, Code::NotFound, "PROFILE_EXPIRED");

    let request = passbridge::proto::v1::GetTempPassRequest {
        requestor_id: REQUESTOR.to_owned(),
        mvpd_id: "TempPass".to_owned(),
        device_id: super::DEVICE_ID.to_owned(),
        device: Some(passbridge::proto::v1::get_temp_pass_request::Device::DeviceInfo(
            crate::support::request::roku(),
        )),
        device_ip: crate::support::DEVICE_IP.to_owned(),
        ..passbridge::proto::v1::GetTempPassRequest::default()
    };
    let mut temp_passes = bridge.server.temp_passes();
    let answer = bridge.while_time_passes(temp_passes.get_temp_pass(request)).await;
    let trial: TempPass = answer.expect("returned").into_inner().temp_pass.expect("present");
    assert_eq!(trial.state(), temp_pass::State::Expired);
}

#[tokio::test]
async fn viewer_attributes_that_the_provider_could_not_get_are_omitted() {
    let bridge = known_bridge().await;
    let deep = (0..20).fold(json!("deep"), |inner, _| json!([inner]));
    let attributes = json!({
        "zip": { "value": "UkVG", "state": "enc" },
        "maxRating": { "value": null, "state": "plain", "error": "invalid_configuration_user_metadata_certificate" },
        "householdID": deep,
        "typeID": 7,
    });
    put_profile(&bridge, "Cablevision", json!({ "attributes": attributes })).await;
    let mut client = client(&bridge);
    let answer = bridge.while_time_passes(client.get_user_metadata(metadata())).await;
    let response = answer.expect("returns attributes").into_inner();
    assert_eq!(
        (response.mvpd_id.as_str(), &*response.encrypted_attributes),
        ("Cablevision", &["zip".to_owned()][..])
    );
    let attributes = response.attributes.expect("present").fields;
    assert!(attributes.contains_key("typeID") && attributes.contains_key("userID"));
    assert!(!attributes.contains_key("maxRating") && !attributes.contains_key("householdID"));
}

#[tokio::test]
async fn a_device_without_device_information_gets_the_requestors_configured_one() {
    let bridge = Bridge::configured(BackendKind::V2, |config| {
        let environment = config.environments.get_mut("default").expect("present");
        let requestor = environment.requestors.get_mut(REQUESTOR).expect("present");
        // {"model":"Roku","osName":"Roku OS"}
        requestor.default_device_info = Some("eyJtb2RlbCI6IlJva3UiLCJvc05hbWUiOiJSb2t1IE9TIn0=".to_owned());
    })
    .await;
    let mut client = client(&bridge);
    client.list_mvpds(list()).await.expect("lists");
    put_profile(&bridge, "Cablevision", json!({})).await;
    let mut request = get("");
    request.device = None;
    let answer = bridge.while_time_passes(client.get_profile(request)).await;
    assert_eq!(answer.expect("present").into_inner().profile.expect("present").mvpd_id, "Cablevision");
}
