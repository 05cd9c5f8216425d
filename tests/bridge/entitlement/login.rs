//! The start of a login.

use passbridge::{
    config::{BackendKind, Config},
    proto::v1::{CreateRegistrationCodeRequest, start_login_response::Login},
};
use serde_json::json;
use tonic::Code;

use super::{DONE, client, known_bridge, put_profile, start};
use crate::support::{
    Bridge, create,
    request::{REQUESTOR, get},
    status::{refused, violated},
};

const MVPD: &str = "Cablevision";

/// A server whose requestor has this domain.
async fn with_domain(domain: &str) -> Bridge {
    Bridge::configured(BackendKind::V2, |config| {
        let environment = config.environments.get_mut("default").expect("present");
        let requestor = environment.requestors.get_mut(REQUESTOR).expect("present");
        requestor.domain_name = Some(domain.to_owned());
    })
    .await
}

async fn start_from(bridge: &Bridge, domain: &str) -> Result<Option<Login>, tonic::Status> {
    let mut request = start(&bridge.created().await.code, MVPD);
    request.domain_name = domain.to_owned();
    let mut client = client(bridge);
    Ok(bridge.while_time_passes(client.start_login(request)).await?.into_inner().login)
}

#[tokio::test]
async fn a_domain_that_is_missing_or_refused_is_replaced_by_the_configured_one() {
    let bridge = with_domain("example.com").await;
    for domain in ["", "unregistered.example", "example.com", "adobe.com"] {
        let login = start_from(&bridge, domain).await.expect("starts");
        assert!(matches!(login, Some(Login::LoginUrl(_))), "{domain}: {login:?}");
    }
    let bridge = known_bridge().await;
    let answer = start_from(&bridge, "unregistered.example").await;
    refused(answer, Code::InvalidArgument, "UPSTREAM_REJECTED");
}

#[tokio::test]
async fn values_stored_with_the_code_may_be_omitted_and_missing_ones_are_named() {
    let bridge = known_bridge().await;
    let request = CreateRegistrationCodeRequest {
        mvpd_id: MVPD.to_owned(),
        domain_name: "example.com".to_owned(),
        redirect_url: DONE.to_owned(),
        ..create()
    };
    let code = bridge.server.created_by(request).await.code;
    let mut request = start(&code, "");
    (request.domain_name, request.redirect_url) = (String::new(), String::new());
    let mut client = client(&bridge);
    let started = bridge.while_time_passes(client.start_login(request.clone())).await;
    assert!(matches!(started.expect("starts").into_inner().login, Some(Login::LoginUrl(_))));

    request.code = bridge.created().await.code;
    let answer = bridge.while_time_passes(client.start_login(request)).await;
    assert_eq!(violated(answer), ["domain_name", "mvpd_id", "redirect_url"]);
}

#[tokio::test]
async fn a_logged_in_device_needs_no_login() {
    let bridge = known_bridge().await;
    let code = bridge.created().await.code;
    put_profile(&bridge, MVPD, json!({})).await;
    let mut client = client(&bridge);
    let started = bridge.while_time_passes(client.start_login(start(&code, MVPD))).await;
    match started.expect("starts").into_inner().login {
        Some(Login::AlreadyAuthenticated(already)) => assert_eq!(already.mvpd_id, MVPD),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_value_that_the_provider_refuses_is_named_by_field() {
    let bridge = known_bridge().await;
    for (mvpd, redirect_url, field) in [("Nobody", DONE, "mvpd_id"), (MVPD, "not a URL", "redirect_url")] {
        let mut request = start(&bridge.created().await.code, mvpd);
        request.redirect_url = redirect_url.to_owned();
        let mut client = client(&bridge);
        let answer = bridge.while_time_passes(client.start_login(request)).await;
        let status = refused(answer, Code::InvalidArgument, "UPSTREAM_REJECTED");
        assert!(status.message().contains(field), "{status:?}");
    }
}

#[tokio::test]
async fn wrong_codes_count_together_with_other_failed_lookups() {
    let few = |config: &mut Config| config.codes.misses_per_viewer = 3;
    let bridge = Bridge::configured(BackendKind::V2, few).await;
    let viewer_ip = "198.51.100.9";
    let mut client = client(&bridge);
    let wrong = |index: usize| {
        let mut request = start(&format!("ZZZZZZ{index}"), MVPD);
        request.viewer_ip = viewer_ip.to_owned();
        request
    };
    for index in 0..2 {
        // Time must not pass, because the budget would refill.
        let answer = client.start_login(wrong(index)).await;
        refused(answer, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
    }
    let mut look = get("ZZZZZZ9");
    look.viewer_ip = viewer_ip.to_owned();
    let mut codes = bridge.server.codes();
    let answer = codes.get_registration_code(look).await;
    refused(answer, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
    let mut known = start(&bridge.created().await.code, MVPD);
    known.viewer_ip = viewer_ip.to_owned();
    let status =
        refused(client.start_login(known.clone()).await, Code::ResourceExhausted, "LOOKUP_BUDGET_EXHAUSTED");
    assert!(!status.details().is_empty());
    known.viewer_ip = "198.51.100.200".to_owned();
    let started = bridge.while_time_passes(client.start_login(known)).await;
    assert!(started.expect("another viewer is served").into_inner().login.is_some());
}
