//! The operators of a requestor.

use std::time::Duration;

use passbridge::config::BackendKind;
use serde_json::json;
use tonic::Code;

use super::{client, control, list};
use crate::support::{Bridge, status::refused};

const PATH: &str = "/api/v2/REF/configuration";

#[tokio::test]
async fn operators_are_listed_in_the_providers_order_with_names_and_logos() {
    let bridge = Bridge::over(BackendKind::V2).await;
    control(&bridge, "mvpds", json!({ "id": "Spectrum", "displayName": "", "logoUrl": "" })).await;
    let mvpds = client(&bridge).list_mvpds(list()).await.expect("lists").into_inner().mvpds;
    let ids: Vec<_> = mvpds.iter().map(|mvpd| mvpd.id.as_str()).collect();
    assert_eq!(ids[..3], ["Cablevision", "Comcast_SSO", "Spectrum"], "{ids:?}");
    let of = |id: &str| mvpds.iter().find(|mvpd| mvpd.id == id).expect(id);
    let cablevision = of("Cablevision");
    assert_eq!(cablevision.display_name, "Optimum");
    assert!(cablevision.logo_url.starts_with("https://"), "{cablevision:?}");
    assert!(cablevision.passive_authn_enabled && !cablevision.temp_pass && !cablevision.proxy);
    let comcast = of("Comcast_SSO");
    assert!(comcast.auth_per_aggregator && comcast.auth_per_browser_session, "{comcast:?}");
    assert!(!of("Spectrum").passive_authn_enabled);
    assert_eq!(of("Spectrum").display_name, "Spectrum", "an operator without a name shows its id");
    assert!(of("Proxied_Cable").proxy && of("TempPass").temp_pass);
}

#[tokio::test]
async fn the_list_of_operators_is_fetched_once_in_two_minutes() {
    let bridge = Bridge::over(BackendKind::V2).await;
    let clients = [(); 8].map(|()| client(&bridge));
    let asking = clients.map(|mut client| async move { client.list_mvpds(list()).await });
    for answer in futures_util::future::join_all(asking).await {
        answer.expect("lists");
    }
    bridge.advance(Duration::from_secs(119)).await;
    client(&bridge).list_mvpds(list()).await.expect("lists");
    assert_eq!(bridge.provider.calls_to(PATH).await.len(), 1);
    bridge.advance(Duration::from_secs(1)).await;
    client(&bridge).list_mvpds(list()).await.expect("lists");
    assert_eq!(bridge.provider.calls_to(PATH).await.len(), 2);
}

#[tokio::test]
async fn a_failure_is_reported_and_not_cached() {
    let bridge = Bridge::over(BackendKind::V2).await;
    let garbage = json!({ "status": { "status": 200, "content_type": "application/json", "body": "{}" } });
    let mut fault = json!({ "path": PATH });
    fault.as_object_mut().expect("an object").extend(garbage.as_object().expect("an object").clone());
    bridge.provider.fault(fault).await;
    refused(client(&bridge).list_mvpds(list()).await, Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    bridge.provider.clear_faults().await;
    client(&bridge).list_mvpds(list()).await.expect("lists");
}
