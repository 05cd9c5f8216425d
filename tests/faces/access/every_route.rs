//! Authentication and permissions of every route of the REST face.

use std::time::Duration;

use http::Method;
use jsonwebtoken::Algorithm;
use passbridge::{
    admin::{OperatorCommand, RevokeCommand, StatementCommand},
    config::CallerEntry,
    domain::caller::Permission,
    rest,
};

use serde_json::json;

use super::{
    jwt::{PLAYER, by_subject, issuer_at, key_file, with},
    tls_server::TlsServer,
};
use crate::support::{
    caller::{by_san, caller, list, token_of, with_token},
    http::{Answer, Call as HttpCall, call as http_call},
    issuer::SigningKey,
    request::{REQUESTOR, create},
    rest::{DEVICE_INFO, access_token, operate, statement_command},
    test_server::{START, TestServer},
};

const GRPC_CALLER: &str = "caller";

/// A call, and the permission that it requires; `None` if it needs no token.
struct RouteCall {
    method: Method,
    path: String,
    permission: Option<Permission>,
}

/// A live code.
async fn code(server: &TestServer) -> String {
    let request = with_token(&token_of(GRPC_CALLER), create());
    let created = server.codes().create_registration_code(request).await.expect("creates").into_inner();
    created.registration_code.expect("has a code").code
}

/// A call of this path, about this code if it takes one. A path that is not listed fails the test: add it with its permission.
fn call(method: &Method, route: &str, code: &str) -> RouteCall {
    let path = route.replace("{requestor}", REQUESTOR).replace("{code}", code);
    let reset = format!("requestor_id={REQUESTOR}");
    let (permission, query) = match (method.as_str(), route) {
        (
            "POST",
            "/reggie/v1/{requestor}/regcode"
            | "/reggie/v1/{requestor}/regcode.json"
            | "/reggie/v1/{requestor}/regcode.xml",
        ) => (Some(Permission::CodesCreate), "deviceId=device".to_owned()),
        ("GET", "/reggie/v1/{requestor}/regcode/{code}") => (Some(Permission::CodesRead), String::new()),
        ("DELETE", "/reggie/v1/{requestor}/regcode/{code}") => (Some(Permission::CodesDelete), String::new()),
        ("DELETE", "/reset-tempass/v3/reset") => {
            (Some(Permission::TempPassesReset), format!("{reset}&mvpd_id=TempPass&device_id=device"))
        }
        ("DELETE", "/reset-tempass/v3/reset/generic") => {
            let key = "a".repeat(64);
            (Some(Permission::TempPassesReset), format!("{reset}&mvpd_id=TempPassREF&key={key}"))
        }
        // A client gets its token here. Wrong statements and secrets have their own tests.
        ("POST", "/o/client/register" | "/o/client/token") => (None, String::new()),
        _ => panic!("{method} {route} is not listed: add it here with its permission"),
    };
    RouteCall { method: method.clone(), path: format!("{path}?{query}"), permission }
}

fn request(server: &TestServer, call: &RouteCall, token: Option<&str>) -> HttpCall {
    let mut request = http_call(server.rest_address(), call.method.as_str(), &call.path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.header("x-device-info", DEVICE_INFO)
}

async fn send(server: &TestServer, call: &RouteCall, token: Option<&str>) -> Answer {
    request(server, call, token).send().await
}

/// A gRPC caller with every permission.
fn grpc_caller() -> CallerEntry {
    let all: Vec<_> = Permission::ALL.into_iter().map(Permission::as_str).collect();
    caller(GRPC_CALLER, &all)
}

fn server() -> TestServer {
    TestServer::configured(|config| list(config, [grpc_caller()]))
}

fn statement(requestor: &str, permissions: impl IntoIterator<Item = Permission>) -> StatementCommand {
    StatementCommand {
        requestors: vec![requestor.to_owned()],
        permissions: permissions.into_iter().map(|permission| permission.to_string()).collect(),
        ..statement_command()
    }
}

/// The calls that require a token, each with its own code.
async fn guarded(code: impl AsyncFn() -> String) -> Vec<(RouteCall, Permission)> {
    let mut guarded = Vec::new();
    // The local backend has no v1 flow. `tests/bridge/over_v1.rs` tests its credentials.
    let is_local = |route: &str| !route.starts_with("/api/v1/") && !route.starts_with("/adobe-services/");
    for (method, route) in rest::calls().into_iter().filter(|(_, route)| is_local(route)) {
        let call = call(&method, route, &code().await);
        guarded.extend(call.permission.map(|permission| (call, permission)));
    }
    assert!(guarded.len() >= 7);
    guarded
}

#[tokio::test]
async fn every_route_requires_a_valid_token_of_this_face() {
    let key = SigningKey::new("one", Algorithm::ES256);
    let folder = tempfile::tempdir().expect("a folder");
    let server = TestServer::configured(|config| {
        list(config, [grpc_caller(), by_subject(PLAYER, grpc_caller())]);
        config.grpc.jwt = vec![issuer_at(key_file(folder.path(), [&key]))];
    });
    let calls = guarded(async || code(&server).await).await;
    let of_issuer = key.sign(&with("exp", json!(START / 1000 + 24 * 3600)));
    let expired = access_token(&server, statement(REQUESTOR, Permission::ALL)).await;
    server.clock.advance(Duration::from_secs(6 * 3600));
    let revoked = access_token(&server, statement(REQUESTOR, Permission::ALL)).await;
    server.clock.advance(Duration::from_millis(1));
    operate(&server, OperatorCommand::Revoke(RevokeCommand::IssuedBefore(None))).await;
    for (call, _) in &calls {
        for token in [
            None,
            Some(""),
            Some("wrong"),
            Some("eyJhbGciOiJub25lIn0.e30."),
            Some(&*token_of(GRPC_CALLER)),
            Some(&of_issuer),
            Some(&expired),
            Some(&revoked),
        ] {
            let answer = send(&server, call, token).await;
            assert_eq!(answer.status, 401, "{} {} {token:?}: {answer:?}", call.method, call.path);
        }
    }
}

#[tokio::test]
async fn the_certificate_of_a_grpc_caller_only_admits_the_connection() {
    const SAN: &str = "caller.example.com";
    let server = TlsServer::configured(|config| list(config, [by_san(SAN, grpc_caller())]));
    let grpc = server.certified(&[SAN]).await.codes();
    let code = async || {
        let created = grpc.clone().create_registration_code(create()).await.expect("creates").into_inner();
        created.registration_code.expect("has a code").code
    };
    let client = server.client().showing(&server.identity(&[SAN]));
    for (call, _) in guarded(code).await {
        for token in [None, Some("wrong"), Some(&*token_of(GRPC_CALLER))] {
            let stream = client.connect(server.server.rest_address()).await.expect("completes the handshake");
            let answer = request(&server.server, &call, token).send_over(stream).await.expect("answers");
            assert_eq!(answer.status, 401, "{} {} {token:?}: {answer:?}", call.method, call.path);
        }
    }
}

#[tokio::test]
async fn a_client_can_call_only_what_its_permissions_allow() {
    let server = server();
    for (call, permission) in guarded(async || code(&server).await).await {
        let others = Permission::ALL.into_iter().filter(|other| *other != permission);
        for (statement, expected) in [
            (statement("OTHER", Permission::ALL), false),
            (statement(REQUESTOR, others), false),
            (statement(REQUESTOR, [permission]), true),
        ] {
            let token = access_token(&server, statement).await;
            let answer = send(&server, &call, Some(&token)).await;
            let is_as_expected =
                if expected { answer.status.is_success() } else { answer.status.as_u16() == 403 };
            assert!(is_as_expected, "{} {}: {answer:?}", call.method, call.path);
            server.clock.advance(Duration::from_secs(1));
        }
    }
}
