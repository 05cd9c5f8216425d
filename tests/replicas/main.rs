//! Several servers with one Redis: every change is visible at all of them.

#![forbid(unsafe_code)]

mod copy;
mod device_flow;
mod support;

use std::time::Duration;

use futures_util::StreamExt;
use passbridge::proto::v1::{
    AuthorizeTempPassRequest, GetTempPassRequest, ResetTempPassRequest,
    authorize_temp_pass_request::{self, Identity},
    get_temp_pass_request, registration_code, reset_temp_pass_request, temp_pass,
    temp_pass_service_client::TempPassServiceClient,
};
use support::{
    Installation, key,
    request::{REQUESTOR, create, delete, get, roku, watch},
    server_process::ServerProcess,
};
use test_engine::{Cluster, ClusterOptions, Reply, Server, ServerOptions};
use tonic::Code;

/// Longer than any expected event takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Both products, each with its client.
fn engines() -> (Server, Cluster) {
    let cluster = ClusterOptions { primaries: 3, replicas: 1, ..ClusterOptions::default() };
    (Server::start(ServerOptions::default()), Cluster::start(&cluster))
}

/// Two servers with each kind of engine.
async fn over_both<F: Future<Output = ()>>(more: &str, act: impl Fn([ServerProcess; 2]) -> F) {
    let (server, cluster) = engines();
    for urls in [vec![server.url()], cluster.urls()] {
        let installation = Installation::over(&urls, more);
        act(installation.two()).await;
    }
}

#[tokio::test]
async fn a_code_created_at_one_replica_is_read_and_deleted_at_another() {
    over_both("", |[one, other]| async move {
        let created = one.codes().create_registration_code(create()).await.expect("creates").into_inner();
        let created = created.registration_code.expect("a code");
        let read = other.codes().get_registration_code(get(&created.code)).await.expect("is there");
        assert_eq!(read.into_inner().registration_code.as_ref(), Some(&created));
        other.codes().delete_registration_code(delete(&created.code)).await.expect("deletes");
        let gone = one.codes().get_registration_code(get(&created.code)).await.expect_err("is gone");
        assert_eq!(gone.code(), Code::NotFound);
    })
    .await;
}

#[tokio::test]
async fn a_watch_ends_when_another_replica_deletes_the_code() {
    over_both("", |[one, other]| async move {
        let created = one.codes().create_registration_code(create()).await.expect("creates").into_inner();
        let code = created.registration_code.expect("a code").code;
        let mut watching =
            one.codes().watch_registration_code(watch(&code)).await.expect("watches").into_inner();
        let mut state = async || {
            let message = watching.next().await?.expect("a message");
            Some(message.registration_code.expect("a code").state())
        };
        assert_eq!(state().await, Some(registration_code::State::Pending));
        other.codes().delete_registration_code(delete(&code)).await.expect("deletes");
        assert_eq!(state().await, Some(registration_code::State::Released));
        assert_eq!(state().await, None);
    })
    .await;
}

#[tokio::test]
async fn a_repeated_request_id_gets_the_first_response_at_every_replica() {
    over_both("", |[one, other]| async move {
        let mut request = create();
        request.request_id = uuid::Uuid::from_u128(7).to_string();
        let mut codes = Vec::new();
        for server in [&one, &other, &one] {
            let created = server.codes().create_registration_code(request.clone()).await.expect("creates");
            codes.push(created.into_inner().registration_code.expect("a code"));
        }
        assert!(codes.iter().all(|code| *code == codes[0]), "{codes:?}");
        request.requestor_id = "another".to_owned();
        let elsewhere = other.codes().create_registration_code(request.clone()).await.expect("creates");
        assert_ne!(elsewhere.into_inner().registration_code.expect("a code").id, codes[0].id);
        request.requestor_id = REQUESTOR.to_owned();
        request.mvpd_id = "other".to_owned();
        let reused = other.codes().create_registration_code(request).await.expect_err("another request");
        assert_eq!(reused.code(), Code::InvalidArgument);
    })
    .await;
}

#[tokio::test]
async fn failed_lookups_are_counted_over_all_replicas() {
    over_both("[codes]\nmisses_per_viewer = 1\n", |[one, other]| async move {
        let miss = || {
            let mut request = get("NOSUCHC");
            request.viewer_ip = "203.0.113.9".to_owned();
            request
        };
        let first = one.codes().get_registration_code(miss()).await.expect_err("is not there");
        assert_eq!(first.code(), Code::NotFound);
        let second = other.codes().get_registration_code(miss()).await.expect_err("too many");
        assert_eq!(second.code(), Code::ResourceExhausted, "{second}");
    })
    .await;
}

fn authorize(device: &str, user: &str, resource: &str) -> AuthorizeTempPassRequest {
    AuthorizeTempPassRequest {
        requestor_id: REQUESTOR.to_owned(),
        mvpd_id: "TempPassREF".to_owned(),
        device_id: device.to_owned(),
        identity: Some(Identity::UserIdentifier(user.to_owned())),
        resource_id: resource.to_owned(),
        device: Some(authorize_temp_pass_request::Device::DeviceInfo(roku())),
        ..AuthorizeTempPassRequest::default()
    }
}

#[tokio::test]
async fn a_trial_is_shared_by_all_replicas_by_device_and_user() {
    over_both("", |[one, other]| async move {
        let (mut one, mut other) =
            (TempPassServiceClient::new(one.channel()), TempPassServiceClient::new(other.channel()));
        one.authorize_temp_pass(authorize("tv", "viewer", "first")).await.expect("authorizes");
        let second =
            other.authorize_temp_pass(authorize("phone", "viewer", "second")).await.expect("authorizes");
        let trial = second.into_inner().temp_pass.expect("a trial");
        assert_eq!(trial.used_resources, ["first", "second"]);
        let reset = ResetTempPassRequest {
            requestor_id: REQUESTOR.to_owned(),
            mvpd_id: "TempPassREF".to_owned(),
            target: Some(reset_temp_pass_request::Target::DeviceId("phone".to_owned())),
            ..ResetTempPassRequest::default()
        };
        let reset = one.reset_temp_pass(reset).await.expect("resets").into_inner();
        assert_eq!(reset.reset_count, Some(1));
        let get = GetTempPassRequest {
            requestor_id: REQUESTOR.to_owned(),
            mvpd_id: "TempPassREF".to_owned(),
            device_id: "tv".to_owned(),
            identity: Some(get_temp_pass_request::Identity::UserIdentifier("viewer".to_owned())),
            ..GetTempPassRequest::default()
        };
        let gone = other.get_temp_pass(get).await.expect("answers").into_inner().temp_pass.expect("a trial");
        assert_eq!(gone.state(), temp_pass::State::NotStarted);
    })
    .await;
}

/// Returns the status of a REST call with this token.
async fn status(server: &ServerProcess, token: &str) -> u16 {
    let url = format!("http://{}/reggie/v1/{REQUESTOR}/regcode/NOSUCHC", server.rest);
    let client = reqwest::Client::new();
    client.get(url).bearer_auth(token).send().await.expect("answers").status().as_u16()
}

#[tokio::test]
async fn a_token_is_valid_at_every_replica_until_it_is_revoked() {
    let (server, cluster) = engines();
    for urls in [vec![server.url()], cluster.urls()] {
        let installation = Installation::over(&urls, "");
        let [one, other] = installation.two();
        let token = installation.command(&["token", "--url", &format!("http://{}", one.rest)]);
        assert_eq!(status(&other, &token).await, 404, "the token is good, and there is no such code");
        let revoked = installation.command(&["revoke", "--issued-before", "now"]);
        assert_eq!(revoked, "revoked");
        // The other server is notified a moment later.
        let refused = async { while status(&other, &token).await != 401 {} };
        tokio::time::timeout(PATIENCE, refused).await.expect("the token is refused there too");
    }
}

#[tokio::test]
async fn all_replicas_accept_a_rotated_key_ring() {
    let server = Server::start(ServerOptions::default());
    let installation = Installation::over(&[server.url()], "");
    let [mut one, mut other] = installation.two();
    let first = std::fs::read_to_string(installation.path("ring")).expect("the ring");
    let second = key("second");
    installation.write_ring(&[&second, &first]);
    installation.command(&["keys", "rotate"]);
    for server in [&mut one, &mut other] {
        assert!(server.wait_for_line("key ring reloaded").contains("second"));
    }
    installation.write_ring(&[&second]);
    let third = installation.server().start();
    let token = installation.command(&["token", "--url", &format!("http://{}", third.rest)]);
    assert_eq!(status(&one, &token).await, 404, "the master key is the same");
}

#[tokio::test]
async fn the_audit_log_can_be_written_to_a_stream() {
    let server = Server::start(ServerOptions::default());
    let installation = Installation::over(&[server.url()], "[audit]\nto = \"stream\"\n");
    installation.command(&["statement", "--requestor", REQUESTOR]);
    let entries = texts(server.command(&["XRANGE", "pb:audit", "-", "+"])).join(" ");
    assert!(entries.contains("\"event\":\"statement_minted\""), "{entries}");
}

/// Returns every text of a response.
fn texts(reply: Reply) -> Vec<String> {
    match reply {
        Reply::Array(parts) => parts.into_iter().flat_map(texts).collect(),
        other => vec![other.text()],
    }
}

#[tokio::test]
async fn calls_fail_fast_without_redis_and_recover_with_it() {
    let server = Server::start(ServerOptions { append_only: true, ..ServerOptions::default() });
    let installation = Installation::over(&[server.url()], "");
    let mut passbridge = installation.server().start();
    passbridge.codes().create_registration_code(create()).await.expect("creates");
    server.kill();
    passbridge.wait_for_line("store health check failed");
    let refused = passbridge.codes().create_registration_code(create()).await.expect_err("is away");
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(passbridge.page("/readyz").0, 503);
    server.restart();
    passbridge.wait_for_line("store recovered");
    passbridge.codes().create_registration_code(create()).await.expect("creates again");
    assert_eq!(passbridge.page("/readyz").0, 200);
}

#[tokio::test]
async fn an_evicting_redis_is_rejected() {
    for policy in ["allkeys-lru", "volatile-ttl"] {
        let options = ServerOptions { max_memory_policy: Some(policy), ..ServerOptions::default() };
        let server = Server::start(options);
        let error = Installation::over(&[server.url()], "").server().failure();
        assert!(
            error.contains("store.url") && error.contains(policy) && error.contains("noeviction"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_unreachable_redis_is_named() {
    let server = Server::start(ServerOptions::default());
    let installation = Installation::over(&[server.url()], "");
    server.kill();
    let error = installation.server().failure();
    assert!(error.contains("store.url") && error.contains(&server.address().to_string()), "{error}");
}

#[tokio::test]
async fn a_full_redis_rejects_new_codes_with_the_reason() {
    let options = ServerOptions { max_memory: Some(3 << 20), ..ServerOptions::default() };
    let server = Server::start(options);
    let installation = Installation::over(&[server.url()], "");
    let mut passbridge = installation.server().start();
    let mut codes = passbridge.codes();
    let refused = loop {
        if let Err(refused) = codes.create_registration_code(create()).await {
            break refused;
        }
    };
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    let live = passbridge.page("/metrics").1;
    let live = live.lines().find(|line| line.starts_with("passbridge_live_codes{")).expect("a figure");
    let live: u64 = live.rsplit(' ').next().and_then(|figure| figure.parse().ok()).expect("a number");
    assert!(live > 100, "{live}");
    passbridge.kill();
}
