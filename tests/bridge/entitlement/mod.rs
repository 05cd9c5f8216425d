//! Logins, profiles, decisions and logouts over version 2 of the provider.

mod backends;
mod configuration;
mod decision;
mod login;
mod logout;
mod openapi;
mod profile;
mod session;

use passbridge::proto::v1::{
    AuthorizeRequest, AuthorizeResponse, GetProfileRequest, GetUserMetadataRequest, ListMvpdsRequest,
    LogoutRequest, PreauthorizeRequest, Profile, StartLoginRequest, authorize_request,
    entitlement_service_client::EntitlementServiceClient, get_profile_request, get_user_metadata_request,
    logout_request, preauthorize_request,
};
use serde_json::{Value, json};
use tonic::{Status, transport::Channel};

use crate::support::{
    Bridge, DEVICE_IP,
    http::call,
    request::{REQUESTOR, roku},
};

/// The device of all requests, the same as in a create.
const DEVICE_ID: &str = "the device";

/// The redirect URL of logins.
const DONE: &str = "https://example.com/done?a=b";

fn client(bridge: &Bridge) -> EntitlementServiceClient<Channel> {
    EntitlementServiceClient::new(bridge.server.channel())
}

/// Configures the mock provider.
async fn control(bridge: &Bridge, path: &str, body: Value) {
    let request = call(bridge.provider.address(), "POST", &format!("/mock/{path}")).body(body.to_string());
    let answer = request.send().await;
    assert!(answer.status.is_success(), "{answer:?}");
}

/// Adds a login with an operator for the device. The server must already be registered with the provider.
async fn put_profile(bridge: &Bridge, mvpd: &str, more: Value) {
    let mut profile = json!({ "service_provider": REQUESTOR, "device_id": DEVICE_ID, "mvpd": mvpd });
    profile.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    control(bridge, "profiles", profile).await;
}

/// A server that is registered with the provider, and a device without a login.
async fn known_bridge() -> Bridge {
    let bridge = Bridge::over(passbridge::config::BackendKind::V2).await;
    client(&bridge).list_mvpds(list()).await.expect("lists");
    bridge
}

/// The same server, and a device with a login.
async fn logged_in(mvpd: &str) -> Bridge {
    let bridge = known_bridge().await;
    put_profile(&bridge, mvpd, json!({})).await;
    bridge
}

fn list() -> ListMvpdsRequest {
    ListMvpdsRequest { requestor_id: REQUESTOR.to_owned(), ..ListMvpdsRequest::default() }
}

/// A start of a login with all required fields.
fn start(code: &str, mvpd: &str) -> StartLoginRequest {
    StartLoginRequest {
        requestor_id: REQUESTOR.to_owned(),
        code: code.to_owned(),
        mvpd_id: mvpd.to_owned(),
        domain_name: "example.com".to_owned(),
        redirect_url: DONE.to_owned(),
        ..StartLoginRequest::default()
    }
}

fn get(mvpd: &str) -> GetProfileRequest {
    GetProfileRequest {
        requestor_id: REQUESTOR.to_owned(),
        device_id: DEVICE_ID.to_owned(),
        device: Some(get_profile_request::Device::DeviceInfo(roku())),
        device_ip: DEVICE_IP.to_owned(),
        mvpd_id: mvpd.to_owned(),
        ..GetProfileRequest::default()
    }
}

fn metadata() -> GetUserMetadataRequest {
    GetUserMetadataRequest {
        requestor_id: REQUESTOR.to_owned(),
        device_id: DEVICE_ID.to_owned(),
        device: Some(get_user_metadata_request::Device::DeviceInfo(roku())),
        device_ip: DEVICE_IP.to_owned(),
        ..GetUserMetadataRequest::default()
    }
}

fn authorize(mvpd: &str, resource: &str) -> AuthorizeRequest {
    AuthorizeRequest {
        requestor_id: REQUESTOR.to_owned(),
        device_id: DEVICE_ID.to_owned(),
        device: Some(authorize_request::Device::DeviceInfo(roku())),
        device_ip: DEVICE_IP.to_owned(),
        mvpd_id: mvpd.to_owned(),
        resource_id: resource.to_owned(),
        ..AuthorizeRequest::default()
    }
}

fn preauthorize(mvpd: &str, resources: &[&str]) -> PreauthorizeRequest {
    PreauthorizeRequest {
        requestor_id: REQUESTOR.to_owned(),
        device_id: DEVICE_ID.to_owned(),
        device: Some(preauthorize_request::Device::DeviceInfo(roku())),
        device_ip: DEVICE_IP.to_owned(),
        mvpd_id: mvpd.to_owned(),
        resource_ids: resources.iter().map(|resource| (*resource).to_owned()).collect(),
        ..PreauthorizeRequest::default()
    }
}

fn logout() -> LogoutRequest {
    LogoutRequest {
        requestor_id: REQUESTOR.to_owned(),
        device_id: DEVICE_ID.to_owned(),
        device: Some(logout_request::Device::DeviceInfo(roku())),
        device_ip: DEVICE_IP.to_owned(),
        ..LogoutRequest::default()
    }
}

/// The response to an authorization, after pacing.
async fn authorized(bridge: &Bridge, mvpd: &str, resource: &str) -> AuthorizeResponse {
    let mut client = client(bridge);
    let answer = bridge.while_time_passes(client.authorize(authorize(mvpd, resource))).await;
    answer.expect("decides").into_inner()
}

async fn profile(bridge: &Bridge, mvpd: &str) -> Result<Profile, Status> {
    let mut client = client(bridge);
    let answer = bridge.while_time_passes(client.get_profile(get(mvpd))).await?;
    Ok(answer.into_inner().profile.expect("has a profile"))
}
