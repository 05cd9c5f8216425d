//! The profile of a code in version 2, and when pacing allows the next call.

use std::{net::IpAddr, time::Duration};

use passbridge::{
    config::{BackendKind, Config},
    domain::{
        call::CallContext,
        clock::Timestamp,
        code::upstream_code,
        id::DeviceId,
        registration_code::{CodeKey, RegistrationRequest},
    },
    service::RegistrationService,
};
use serde_json::json;

use crate::support::{
    STATEMENT, environment, provider::Provider, replicas::Replicas, request::REQUESTOR, statement_file,
    test_server::START,
};

const DEVICE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 1));

async fn before(provider: &Provider) -> Replicas {
    provider.set_clock(START).await;
    let mut config = Config::default();
    environment(&mut config, &provider.url(), BackendKind::V2, statement_file(STATEMENT).path());
    Replicas::new(config, STATEMENT, Timestamp::from_millis(START))
}

async fn new_code(service: &RegistrationService, replicas: &Replicas) -> CodeKey {
    let request = Box::new(RegistrationRequest {
        device_id: DeviceId::parse("device_id", "the device").ok(),
        device_ip: Some(DEVICE.into()),
        ..RegistrationRequest::new(replicas.place(REQUESTOR))
    });
    let created = service.create(&passbridge::domain::caller::Caller::anonymous(), request, None).await;
    created.expect("creates").view.registration.key()
}

#[tokio::test]
async fn the_profile_of_a_code_distinguishes_login_no_login_and_unknown_code() {
    let provider = Provider::start();
    let replicas = before(&provider).await;
    let key = new_code(&replicas.replica(), &replicas).await;
    let (backend, context) = (replicas.upstream(&replicas.clock).backends().v2, CallContext::default());
    let entitlements = backend.entitlements().expect("supported");
    let mvpds_of = async |key: &CodeKey| {
        let profiles = entitlements.profile_of_code(&context, key, None).await.expect("answers")?;
        Some(profiles.iter().map(|profile| profile.mvpd.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(mvpds_of(&key).await, Some(Vec::new()));
    provider.log_in(key.code.as_str(), "Cablevision").await;
    assert_eq!(mvpds_of(&key).await, Some(vec!["Cablevision".to_owned()]));
    let unknown = CodeKey { code: upstream_code("ZZZZZZ1").expect("valid"), ..key.clone() };
    assert_eq!(mvpds_of(&unknown).await, None);

    let missing = json!({ "path": "/api/v2/REF/profiles/code/", "times": 1, "problem": { "code": "authenticated_profile_missing" } });
    provider.fault(missing).await;
    assert_eq!(mvpds_of(&key).await, Some(Vec::new()), "both forms of `not logged in`");
}

#[tokio::test]
async fn a_second_call_of_an_address_would_exceed_the_pace() {
    let provider = Provider::start();
    let replicas = before(&provider).await;
    let backend = replicas.upstream(&replicas.clock).backends().v2;
    let entitlements = backend.entitlements().expect("supported");
    let would_wait = async |address: Option<IpAddr>| {
        entitlements.would_wait(address.map(Into::into)).await.expect("known")
    };
    assert!(!would_wait(Some(DEVICE)).await);
    new_code(&replicas.replica(), &replicas).await;
    let other = IpAddr::from([203, 0, 113, 2]);
    for _ in 0..20 {
        assert!(would_wait(Some(DEVICE)).await);
        assert!(!would_wait(Some(other)).await && !would_wait(None).await);
    }
    replicas.clock.advance(Duration::from_secs(1));
    assert!(!would_wait(Some(DEVICE)).await, "the check itself is not counted as a call");
}
