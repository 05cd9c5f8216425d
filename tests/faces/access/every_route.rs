//! Every call that the router of the REST face has.

use std::time::Duration;

use http::Method;
use passbridge::{
    admin::{Command, RevokeCommand, StatementCommand},
    domain::caller::Permission,
    rest,
};

use crate::support::{
    caller::{caller, list, token_of, with_token},
    http::{Answer, call as http_call},
    request::{REQUESTOR, create},
    rest::{DEVICE_INFO, access_token, operate, statement_command},
    test_server::TestServer,
};

const GRPC_CALLER: &str = "caller";

/// A call as a client makes it, and the permission that it needs; none where it shows no token at all.
struct Call {
    method: Method,
    path: String,
    permission: Option<Permission>,
}

/// How a path is called. One that is not here fails the test: say what it needs.
async fn call(server: &TestServer, method: &Method, route: &str) -> Call {
    let request = with_token(&token_of(GRPC_CALLER), create());
    let created = server.codes().create_registration_code(request).await.expect("creates").into_inner();
    let code = created.registration_code.expect("has a code").code;
    let path = route.replace("{requestor}", REQUESTOR).replace("{code}", &code);
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
        // By these a client gets its token; they have suites of their own for wrong statements and secrets.
        ("POST", "/o/client/register" | "/o/client/token") => (None, String::new()),
        _ => panic!("{method} {route} is new: say here what it needs"),
    };
    Call { method: method.clone(), path: format!("{path}?{query}"), permission }
}

async fn send(server: &TestServer, call: &Call, token: Option<&str>) -> Answer {
    let mut request = http_call(server.rest_address(), call.method.as_str(), &call.path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.header("x-device-info", DEVICE_INFO).send().await
}

fn server() -> TestServer {
    TestServer::configured(|config| {
        let all: Vec<_> = Permission::ALL.into_iter().map(Permission::as_str).collect();
        list(config, [caller(GRPC_CALLER, &all)]);
    })
}

fn statement(requestor: &str, permissions: impl IntoIterator<Item = Permission>) -> StatementCommand {
    StatementCommand {
        requestors: vec![requestor.to_owned()],
        permissions: permissions.into_iter().map(|permission| permission.to_string()).collect(),
        ..statement_command()
    }
}

/// The calls that need a token.
async fn guarded(server: &TestServer) -> Vec<(Call, Permission)> {
    let mut guarded = Vec::new();
    for (method, route) in rest::calls() {
        let call = call(server, &method, route).await;
        guarded.extend(call.permission.map(|permission| (call, permission)));
    }
    assert!(guarded.len() >= 7);
    guarded
}

#[tokio::test]
async fn nobody_gets_an_answer_without_a_token_of_this_face_that_is_good() {
    let server = server();
    let calls = guarded(&server).await;
    let expired = access_token(&server, statement(REQUESTOR, Permission::ALL)).await;
    server.clock.advance(Duration::from_secs(6 * 3600));
    let revoked = access_token(&server, statement(REQUESTOR, Permission::ALL)).await;
    server.clock.advance(Duration::from_millis(1));
    operate(&server, Command::Revoke(RevokeCommand::IssuedBefore(None))).await;
    for (call, _) in &calls {
        for token in [
            None,
            Some(""),
            Some("wrong"),
            Some("eyJhbGciOiJub25lIn0.e30."),
            Some(&*token_of(GRPC_CALLER)),
            Some(&expired),
            Some(&revoked),
        ] {
            let answer = send(&server, call, token).await;
            assert_eq!(answer.status, 401, "{} {} {token:?}: {answer:?}", call.method, call.path);
        }
    }
}

#[tokio::test]
async fn a_client_gets_what_its_permission_is_for_and_nothing_without_it() {
    let server = server();
    for (call, permission) in guarded(&server).await {
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
