//! One client registration per device at the provider: registered once, stored permanently, and used for no other device.

use std::{net::IpAddr, path::Path, time::Duration};

use futures_util::{TryStreamExt, future::join_all};
use passbridge::{
    config::{BackendKind, Config, UpstreamClient},
    domain::{
        call::CallContext,
        clock::{ManualClock, Timestamp},
        id::DeviceId,
        ledger_kind::LedgerKind,
        port::LedgerKey,
        registration_code::RegistrationRequest,
    },
    proto::v1::{
        GetProfileRequest, Profile, entitlement_service_client::EntitlementServiceClient, get_profile_request,
    },
    store::embedded::{EmbeddedOptions, EmbeddedStore},
};
use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::support::{
    Bridge, STATEMENT, authorize, create_from, environment,
    provider::Provider,
    replicas::Replicas,
    request::{REQUESTOR, roku},
    statement_file,
    status::refused,
    test_server::START,
};

const MVPD: &str = "Cablevision";

fn per_device(config: &mut Config) {
    config.environments.get_mut("default").expect("present").upstream_client = UpstreamClient::PerDevice;
}

async fn provider() -> Provider {
    let provider = Provider::start();
    provider.control("POST", "settings", json!({ "clients_per_statement": "many" })).await;
    provider
}

async fn bridge() -> Bridge {
    Bridge::before(provider().await, BackendKind::V2, per_device).await
}

async fn bridge_over(provider: Provider, folder: &Path) -> Bridge {
    Bridge::before(provider, BackendKind::V2, |config| {
        per_device(config);
        config.store.path = folder.to_owned();
    })
    .await
}

/// Creates a code for this device, with which a viewer logs in.
async fn log_in(bridge: &Bridge, device: usize) {
    let code = bridge.server.created_by(create_from(device)).await.code;
    bridge.provider.log_in(&code, MVPD).await;
}

async fn profile(bridge: &Bridge, device: usize) -> Result<Profile, Status> {
    let create = create_from(device);
    let request = GetProfileRequest {
        requestor_id: REQUESTOR.to_owned(),
        device_id: create.device_id.expect("a device id"),
        device: Some(get_profile_request::Device::DeviceInfo(roku())),
        device_ip: create.device_ip,
        mvpd_id: MVPD.to_owned(),
        ..GetProfileRequest::default()
    };
    let mut client = EntitlementServiceClient::new(bridge.server.channel());
    let answer = bridge.while_time_passes(client.get_profile(request)).await?;
    Ok(answer.into_inner().profile.expect("present"))
}

async fn is_logged_in(bridge: &Bridge, device: usize) -> bool {
    match profile(bridge, device).await {
        Ok(profile) => profile.mvpd_id == MVPD,
        Err(status) => {
            refused(Err::<(), _>(status), Code::NotFound, "PROFILE_NOT_FOUND");
            false
        }
    }
}

/// The clients that made the calls to such a path.
async fn clients_of(bridge: &Bridge, path: &str) -> Vec<String> {
    let calls = bridge.provider.calls_to(path).await;
    calls.iter().map(|call| call["client"].as_str().expect("a client").to_owned()).collect()
}

#[tokio::test]
async fn each_device_uses_its_own_client_for_calls_about_it_and_its_code() {
    let bridge = bridge().await;
    for device in [1, 2] {
        log_in(&bridge, device).await;
    }
    let opened = clients_of(&bridge, "/api/v2/REF/sessions").await;
    let [one, two] = &opened[..] else { panic!("{opened:?}") };
    assert_ne!(one, two);
    assert_eq!(bridge.provider.issued().await, (2, 2));
    let registered = bridge.provider.calls_to("/o/client/").await;
    let addresses: Vec<_> = registered.iter().map(|call| &call["headers"]["x-forwarded-for"]).collect();
    let addresses_of = |device| Value::from(create_from(device).device_ip);
    let [first, second] = [addresses_of(1), addresses_of(2)];
    assert_eq!(
        addresses,
        [&first, &first, &second, &second],
        "each with its device's address, which the pacing uses"
    );

    bridge.provider.forget_calls().await;
    let code = bridge.server.created_by(create_from(2)).await.code;
    let get = crate::support::request::get(&code);
    bridge.server.codes().get_registration_code(get).await.expect("reads");
    assert!(is_logged_in(&bridge, 1).await && is_logged_in(&bridge, 2).await);
    assert_eq!(clients_of(&bridge, "/api/v2/REF/sessions").await, [two.as_str(), two]);
    assert_eq!(clients_of(&bridge, "/api/v2/REF/profiles").await, [one.as_str(), two]);
    assert_eq!(bridge.provider.issued().await, (2, 2));
}

#[tokio::test]
async fn a_device_without_a_code_gets_no_client() {
    let bridge = bridge().await;
    log_in(&bridge, 1).await;
    for device in 2..5 {
        assert!(!is_logged_in(&bridge, device).await);
    }
    let request = authorize("another device", "TempPass", "channel");
    bridge.server.temp_passes().authorize_temp_pass(request).await.expect("decides");
    assert_eq!(bridge.provider.issued().await.0, 2, "the device's client and the server's own");
}

#[tokio::test]
async fn concurrent_first_logins_of_a_device_register_it_once_across_replicas() {
    let provider = provider().await;
    provider.set_clock(START).await;
    let mut config = Config::default();
    environment(&mut config, &provider.url(), BackendKind::V2, statement_file(STATEMENT).path());
    per_device(&mut config);
    let replicas = Replicas::new(config, STATEMENT, Timestamp::from_millis(START));
    let backends = [0, 1].map(|_| replicas.upstream(&replicas.clock).backends().v2);
    let context = CallContext::default();
    let logins = (0..6).map(|index| {
        let request = Box::new(RegistrationRequest {
            device_id: DeviceId::parse("device_id", "the device").ok(),
            device_ip: Some(IpAddr::from([203, 0, 113, 1]).into()),
            ..RegistrationRequest::new(replicas.place(REQUESTOR))
        });
        backends[index % 2].codes().issue(&context, request, None)
    });
    let passing = async {
        loop {
            tokio::time::sleep(Duration::from_millis(5)).await;
            replicas.clock.advance(Duration::from_millis(100));
        }
    };
    tokio::select! {
        issued = join_all(logins) => issued.into_iter().for_each(|issued| drop(issued.expect("issues"))),
        () = passing => {}
    }
    assert_eq!(provider.issued().await, (1, 1));
}

#[tokio::test]
async fn a_restart_keeps_every_devices_client() {
    let folder = tempfile::tempdir().expect("a folder");
    let bridge = bridge_over(provider().await, folder.path()).await;
    log_in(&bridge, 1).await;
    log_in(&bridge, 2).await;
    let Bridge { server, provider, .. } = bridge;
    server.ended().await;
    let bridge = bridge_over(provider, folder.path()).await;
    assert!(is_logged_in(&bridge, 1).await && is_logged_in(&bridge, 2).await);
    assert_eq!(bridge.provider.issued().await, (2, 2));
}

#[tokio::test]
async fn losing_a_devices_credentials_logs_out_only_that_device() {
    let folder = tempfile::tempdir().expect("a folder");
    let bridge = bridge_over(provider().await, folder.path()).await;
    log_in(&bridge, 1).await;
    log_in(&bridge, 2).await;
    let Bridge { server, provider, .. } = bridge;
    server.ended().await;
    let clock = ManualClock::new(Timestamp::from_millis(START));
    let options = EmbeddedOptions { free_space_reserve: 0, ..EmbeddedOptions::new(folder.path(), clock) };
    let store = EmbeddedStore::open(options).expect("opens").ports();
    let (name, _) = store
        .ledger
        .scan(LedgerKind::DeviceCredentials)
        .try_next()
        .await
        .expect("succeeds")
        .expect("some are stored");
    for kind in [LedgerKind::DeviceCredentials, LedgerKind::DeviceToken] {
        let key = LedgerKey { kind, name: name.clone() };
        let entry = store.ledger.get(&key).await.expect("succeeds").expect("stored");
        assert!(store.ledger.swap(&key, Some(&entry.value), None).await.expect("succeeds"));
    }
    store.health.close().await.expect("closes");

    let bridge = bridge_over(provider, folder.path()).await;
    let logged_in = [is_logged_in(&bridge, 1).await, is_logged_in(&bridge, 2).await];
    assert_ne!(logged_in[0], logged_in[1]);
    let out = if logged_in[0] { 2 } else { 1 };
    log_in(&bridge, out).await;
    assert!(is_logged_in(&bridge, 1).await && is_logged_in(&bridge, 2).await);
}

#[tokio::test]
async fn only_a_device_with_an_unknown_client_is_registered_again() {
    let bridge = bridge().await;
    log_in(&bridge, 1).await;
    log_in(&bridge, 2).await;
    bridge.advance(Duration::from_secs(3_600)).await;
    bridge.provider.forget_tokens().await;
    let body = json!({ "error": "invalid_client" }).to_string();
    let forgotten = json!({ "status": 400, "content_type": "application/json", "body": body });
    bridge.provider.fault(json!({ "path": "/o/client/token", "times": 1, "status": forgotten })).await;
    assert!(!is_logged_in(&bridge, 1).await, "a new client has no logins");
    assert!(is_logged_in(&bridge, 2).await);
    assert_eq!(bridge.provider.issued().await.0, 3);
    log_in(&bridge, 1).await;
    assert!(is_logged_in(&bridge, 1).await && is_logged_in(&bridge, 2).await);
    assert_eq!(bridge.provider.issued().await.0, 3);
}

#[tokio::test]
async fn a_statement_refused_for_one_device_is_not_tried_for_each() {
    let provider = provider().await;
    provider.set_clock(START).await;
    let statement = statement_file("unapproved statement");
    let url = provider.url();
    let server = crate::support::test_server::TestServer::configured(|config| {
        environment(config, &url, BackendKind::V2, statement.path());
        per_device(config);
    });
    for device in 0..5 {
        let answer = server.codes().create_registration_code(create_from(device)).await;
        refused(answer, Code::FailedPrecondition, "UPSTREAM_CREDENTIALS_REFUSED");
    }
    assert_eq!(provider.calls_to("/o/client/").await.len(), 1);
}

#[tokio::test]
async fn a_reload_applies_the_setting_and_devices_stay_logged_in_until_their_next_code() {
    let bridge = Bridge::before(provider().await, BackendKind::V2, |_| {}).await;
    log_in(&bridge, 1).await;
    assert!(is_logged_in(&bridge, 1).await);
    bridge.server.reload(per_device).expect("accepted");
    assert!(is_logged_in(&bridge, 1).await, "the device has no client of its own yet");
    log_in(&bridge, 1).await;
    let [shared, own] = &clients_of(&bridge, "/api/v2/REF/sessions").await[..] else { panic!("two codes") };
    assert_ne!(shared, own);
    assert!(is_logged_in(&bridge, 1).await);
    bridge.server.reload(|_| {}).expect("accepted");
    assert!(is_logged_in(&bridge, 1).await, "the earlier login still holds");
}
