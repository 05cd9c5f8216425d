//! Requests to the provider about logins, validated against its OpenAPI files by Prism.

use passbridge::{
    config::{BackendKind, TokenParameters},
    proto::v1::Decision,
};
use serde_json::json;

use super::{authorized, client, list, logout, preauthorize, profile, put_profile, start};
use crate::support::{
    Bridge,
    prism::{self, Prism},
    provider::Provider,
    test_server::START,
};

#[tokio::test]
async fn login_requests_conform_to_the_providers_openapi_files() {
    let Some(folder) = prism::folder() else { return };
    let provider = Provider::start();
    provider.set_clock(START).await;
    let prism = Prism::before(&provider.url(), &folder);
    let url = format!("http://{}", prism.address());
    let bridge = Bridge::before(provider, BackendKind::V2, |config| {
        let environment = config.environments.get_mut("default").expect("present");
        environment.url = Some(url);
        // The OpenAPI file has the parameters in the query only.
        environment.token_parameters = TokenParameters::FormAndQuery;
    })
    .await;
    let mut client = client(&bridge);
    assert!(!client.list_mvpds(list()).await.expect("lists").into_inner().mvpds.is_empty());
    let code = bridge.created().await.code;
    let started = bridge.while_time_passes(client.start_login(start(&code, "Cablevision"))).await;
    assert!(started.expect("starts").into_inner().login.is_some());
    put_profile(&bridge, "Cablevision", json!({})).await;
    assert_eq!(profile(&bridge, "").await.expect("present").mvpd_id, "Cablevision");
    assert_eq!(profile(&bridge, "Cablevision").await.expect("present").mvpd_id, "Cablevision");
    assert_eq!(authorized(&bridge, "Cablevision", "news").await.decision(), Decision::Permit);
    let answer = bridge.while_time_passes(client.preauthorize(preauthorize("", &["news", "films"]))).await;
    assert_eq!(answer.expect("decides").into_inner().decisions.len(), 2);
    let ended = bridge.while_time_passes(client.logout(logout())).await.expect("logs out");
    assert_eq!(ended.into_inner().mvpd_ids, ["Cablevision"]);
}
