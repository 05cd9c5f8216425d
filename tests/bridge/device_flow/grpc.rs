//! One session over both faces: each face sees what the other does.

use passbridge::proto::v1::{
    AuthorizeRequest, Decision, GetProfileRequest, LogoutRequest, StartLoginRequest, authorize_request,
    entitlement_service_client::EntitlementServiceClient, get_profile_request, logout_request,
    start_login_response::Login,
};
use tonic::{Code, transport::Channel};

use super::{DEVICE_ID, DONE, MVPD, answer, check_login, code, field, logged_in, tv};
use crate::{
    browser,
    support::{Bridge, DEVICE_IP, request::roku, status::refused},
};

fn service(bridge: &Bridge) -> EntitlementServiceClient<Channel> {
    EntitlementServiceClient::new(bridge.server.channel())
}

fn get() -> GetProfileRequest {
    GetProfileRequest {
        requestor_id: "REF".to_owned(),
        device_id: DEVICE_ID.to_owned(),
        device: Some(get_profile_request::Device::DeviceInfo(roku())),
        device_ip: DEVICE_IP.to_owned(),
        ..GetProfileRequest::default()
    }
}

fn log_out() -> LogoutRequest {
    LogoutRequest {
        requestor_id: "REF".to_owned(),
        device_id: DEVICE_ID.to_owned(),
        device: Some(logout_request::Device::DeviceInfo(roku())),
        device_ip: DEVICE_IP.to_owned(),
        ..LogoutRequest::default()
    }
}

#[tokio::test]
async fn a_tv_sees_a_login_that_a_service_started() {
    let bridge = field().await;
    let tv = tv(&bridge).await;
    let code = code(&tv).await;
    let mut service = service(&bridge);
    let start = StartLoginRequest {
        requestor_id: "REF".to_owned(),
        code: code.to_lowercase(),
        mvpd_id: MVPD.to_owned(),
        domain_name: "example.com".to_owned(),
        redirect_url: DONE.to_owned(),
        ..StartLoginRequest::default()
    };
    let started = bridge.while_time_passes(service.start_login(start)).await.expect("starts").into_inner();
    let Some(Login::LoginUrl(url)) = started.login else { panic!("{:?}", started.login) };
    assert_eq!(browser::log_in(&bridge, &url).await, DONE);
    super::forget_answers(&bridge).await;
    assert_eq!(check_login(&tv).await, 200);
    let found = bridge.while_time_passes(service.get_profile(get())).await.expect("present").into_inner();
    let path = format!("/api/v1/tokens/authn.json?requestor=REF&deviceId={DEVICE_ID}");
    let login = answer::json(&tv.get(&path).await, 200);
    let found = found.profile.expect("present");
    assert_eq!(
        (login["mvpd"].as_str(), login["userId"].as_str()),
        (Some(MVPD), Some(found.user_id.as_str()))
    );
    let ends = found.expire_time.expect("ends");
    let ends = u64::try_from(ends.seconds * 1000 + i64::from(ends.nanos / 1_000_000)).expect("after 1970");
    assert_eq!(answer::expires(&login), ends);
}

#[tokio::test]
async fn a_service_sees_the_login_and_logout_of_a_tv() {
    let bridge = field().await;
    let (tv, _) = logged_in(&bridge).await;
    let mut service = service(&bridge);
    let authorize = AuthorizeRequest {
        requestor_id: "REF".to_owned(),
        device_id: DEVICE_ID.to_owned(),
        device: Some(authorize_request::Device::DeviceInfo(roku())),
        device_ip: DEVICE_IP.to_owned(),
        resource_id: "news".to_owned(),
        ..AuthorizeRequest::default()
    };
    let permitted =
        bridge.while_time_passes(service.authorize(authorize)).await.expect("decides").into_inner();
    assert_eq!((permitted.decision(), permitted.mvpd_id.as_str()), (Decision::Permit, MVPD));
    let ended = bridge.while_time_passes(service.logout(log_out())).await.expect("logs out").into_inner();
    assert_eq!(ended.mvpd_ids, [MVPD]);
    assert_eq!(check_login(&tv).await, 403, "at once, despite the cache");
    let gone = bridge.while_time_passes(service.get_profile(get())).await;
    refused(gone, Code::NotFound, "PROFILE_NOT_FOUND");
}

#[tokio::test]
async fn a_service_sees_the_logout_of_a_tv() {
    let bridge = field().await;
    let (tv, _) = logged_in(&bridge).await;
    answer::empty(&tv.delete(&format!("/api/v1/logout?requestor=REF&deviceId={DEVICE_ID}")).await, 204);
    let mut service = service(&bridge);
    let gone = bridge.while_time_passes(service.get_profile(get())).await;
    refused(gone, Code::NotFound, "PROFILE_NOT_FOUND");
    let again = bridge.while_time_passes(service.logout(log_out())).await.expect("logs out").into_inner();
    assert!(again.mvpd_ids.is_empty());
}
