//! A complete session of a TV over gRPC and a browser.

use passbridge::{
    config::BackendKind,
    proto::v1::{Decision, DenialReason, ProfileType, registration_code::State, start_login_response::Login},
};
use prost_types::value::Kind;
use tonic::Code;

use super::{DONE, authorize, authorized, client, get, list, logout, metadata, preauthorize, profile, start};
use crate::{
    browser::log_in,
    support::{Bridge, status::refused},
};

#[tokio::test]
async fn a_viewer_logs_in_watches_and_logs_out() {
    let bridge = Bridge::over(BackendKind::V2).await;
    let mut client = client(&bridge);
    let code = bridge.created().await.code;
    let mut watch = bridge.watch(&code).await;
    refused(client.get_profile(get("")).await, Code::NotFound, "PROFILE_NOT_FOUND");

    let mvpds = client.list_mvpds(list()).await.expect("lists").into_inner().mvpds;
    assert!(mvpds.iter().any(|mvpd| mvpd.id == "Cablevision"));
    let typed = code.to_lowercase();
    let started = client.start_login(start(&typed, "Cablevision")).await.expect("starts").into_inner();
    let Some(Login::LoginUrl(url)) = started.login else { panic!("{:?}", started.login) };
    assert_eq!(log_in(&bridge, &url).await, DONE);

    let last = bridge.while_time_passes(watch.message()).await.expect("continues").expect("a message");
    assert_eq!(last.registration_code.expect("present").state(), State::Released);

    let found = profile(&bridge, "").await.expect("logged in");
    assert_eq!((found.mvpd_id.as_str(), found.r#type()), ("Cablevision", ProfileType::Regular));
    assert_eq!(found.issuer, "Cablevision");
    assert!(!found.user_id.is_empty());
    let (issued, ends) = (found.issue_time.expect("present"), found.expire_time.expect("present"));
    assert!(ends.seconds > issued.seconds);

    let permitted = authorized(&bridge, "", "channel one").await;
    assert_eq!(permitted.decision(), Decision::Permit, "{permitted:?}");
    assert_eq!(
        (permitted.denial_reason(), permitted.mvpd_id.as_str()),
        (DenialReason::Unspecified, "Cablevision")
    );
    assert_eq!(permitted.source, "mvpd");
    let token = permitted.media_token.expect("has a token");
    let another = authorized(&bridge, "Cablevision", "channel one").await.media_token.expect("has a token");
    assert!(!token.value.is_empty() && token.value != another.value, "each token is for one use");
    let (token_ends, decision_ends) =
        (token.expire_time.expect("ends"), permitted.expire_time.expect("ends"));
    assert!(token_ends.seconds < decision_ends.seconds);

    let answer = bridge.while_time_passes(client.preauthorize(preauthorize("", &["b", "a", "b"]))).await;
    let decisions = answer.expect("decides").into_inner().decisions;
    let resources: Vec<_> = decisions.iter().map(|decision| decision.resource_id.as_str()).collect();
    assert_eq!(resources, ["b", "a", "b"]);
    assert!(decisions.iter().all(|decision| decision.decision() == Decision::Permit), "{decisions:?}");

    let answer = bridge.while_time_passes(client.get_user_metadata(metadata())).await;
    let response = answer.expect("returns attributes").into_inner();
    assert_eq!(response.encrypted_attributes, ["zip"]);
    assert_eq!(response.update_time, found.issue_time);
    let attributes = response.attributes.expect("present").fields;
    let kind = |name: &str| attributes.get(name).and_then(|value| value.kind.clone()).expect(name);
    assert_eq!(kind("userID"), Kind::StringValue(found.user_id));
    assert_eq!(kind("inHome"), Kind::BoolValue(true));
    assert!(matches!(kind("channelID"), Kind::ListValue(list) if list.values.len() == 2));
    assert!(matches!(kind("maxRating"), Kind::StructValue(fields) if fields.fields.contains_key("MPAA")));

    let ended = bridge.while_time_passes(client.logout(logout())).await.expect("logs out").into_inner();
    assert_eq!(ended.mvpd_ids, ["Cablevision"]);
    let url = ended.logout_url.expect("the operator has a logout page");
    assert!(url.starts_with(&bridge.provider.url()), "{url}");

    refused(profile(&bridge, "").await, Code::NotFound, "PROFILE_NOT_FOUND");
    let denied = authorized(&bridge, "Cablevision", "channel one").await;
    assert_eq!((denied.decision(), denied.denial_reason()), (Decision::Deny, DenialReason::NotLoggedIn));
    let denied = bridge.while_time_passes(client.authorize(authorize("", "channel one"))).await;
    assert_eq!(denied.expect("decides").into_inner().denial_reason(), DenialReason::NotLoggedIn);
    let repeated = bridge.while_time_passes(client.logout(logout())).await.expect("logs out").into_inner();
    assert!(repeated.mvpd_ids.is_empty() && repeated.logout_url.is_none());
}
