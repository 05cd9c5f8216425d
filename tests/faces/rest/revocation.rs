//! Revocation of statements, clients and tokens.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use passbridge::admin::{OperatorCommand, OperatorResponse, RevokeCommand};

use crate::support::{
    http,
    rest::{Device, ask_for_token, mint, operate, register, statement_command, token_form},
    test_server::{START, TestServer},
};

async fn revoke(server: &TestServer, command: RevokeCommand) {
    assert_eq!(operate(server, OperatorCommand::Revoke(command)).await, OperatorResponse::Done);
}

/// A client with its statement, its registration and a token.
async fn client(server: &TestServer) -> (String, http::Answer, String) {
    let statement = mint(server, statement_command()).await;
    let registered = register(server, &statement).await;
    let issued = ask_for_token(server, token_form(&registered)).await.json(201);
    let token = issued["access_token"].as_str().expect("a token").to_owned();
    (statement, registered, token)
}

async fn assert_token_revoked(server: &TestServer, token: &str) {
    let device = Device { server, token: token.to_owned() };
    let answer = device.read("BCDFGHJ").send().await;
    assert!(answer.error(401).contains("revoked"), "{answer:?}");
}

async fn assert_token_good(server: &TestServer, token: &str) {
    let device = Device { server, token: token.to_owned() };
    device.read("BCDFGHJ").send().await.error(404);
}

#[tokio::test]
async fn revoking_a_statement_revokes_only_its_clients_and_tokens() {
    let server = TestServer::start();
    let (statement, registered, token) = client(&server).await;
    let (_, _, another) = client(&server).await;
    revoke(&server, RevokeCommand::Statement(statement.clone().into())).await;
    assert_token_revoked(&server, &token).await;
    assert_eq!(ask_for_token(&server, token_form(&registered)).await.json(400)["error"], "invalid_client");
    assert_eq!(register(&server, &statement).await.json(400)["error"], "unapproved_software_statement");
    assert_token_good(&server, &another).await;
}

#[tokio::test]
async fn revoking_a_client_revokes_its_tokens_and_its_device_registers_again() {
    let server = TestServer::start();
    let (statement, registered, token) = client(&server).await;
    let client_id = registered.json(201)["client_id"].as_str().expect("text").to_owned();
    revoke(&server, RevokeCommand::Client(client_id)).await;
    assert_token_revoked(&server, &token).await;
    assert_eq!(ask_for_token(&server, token_form(&registered)).await.json(400)["error"], "invalid_client");
    let again = register(&server, &statement).await;
    ask_for_token(&server, token_form(&again)).await.json(201);
}

#[tokio::test]
async fn revoking_by_time_covers_everything_issued_before_and_the_later_time_holds() {
    let server = TestServer::start();
    let (statement, registered, token) = client(&server).await;
    server.clock.advance(Duration::from_secs(10));
    revoke(&server, RevokeCommand::IssuedBefore(Some(START + 5_000))).await;
    revoke(&server, RevokeCommand::IssuedBefore(Some(START))).await;
    assert_token_revoked(&server, &token).await;
    assert_eq!(ask_for_token(&server, token_form(&registered)).await.json(400)["error"], "invalid_client");
    let again = register(&server, &statement).await;
    let issued = ask_for_token(&server, token_form(&again)).await.json(201);
    assert_token_good(&server, issued["access_token"].as_str().expect("a token")).await;
}

#[tokio::test]
async fn now_is_accepted_as_a_time() {
    let server = TestServer::start();
    let (_, _, token) = client(&server).await;
    server.clock.advance(Duration::from_secs(1));
    revoke(&server, RevokeCommand::IssuedBefore(None)).await;
    assert_token_revoked(&server, &token).await;
}

#[tokio::test]
async fn a_statement_can_be_revoked_by_its_id() {
    let server = TestServer::start();
    let (statement, _, token) = client(&server).await;
    let claims = statement.split('.').nth(1).expect("claims");
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).expect("base64");
    let claims: serde_json::Value = serde_json::from_slice(&claims).expect("JSON");
    let id = claims["jti"].as_str().expect("an id");
    revoke(&server, RevokeCommand::Statement(format!(" {id}\n").into())).await;
    assert_token_revoked(&server, &token).await;
    revoke(&server, RevokeCommand::Statement(statement.into())).await;
}

#[tokio::test]
async fn a_revocation_of_nothing_or_too_much_is_refused() {
    let (server, another) = (TestServer::start(), TestServer::start());
    let (statement, _, token) = client(&server).await;
    let foreign = mint(&another, statement_command()).await;
    for (command, field) in [
        (RevokeCommand::Client("nobody".to_owned()), "client"),
        (RevokeCommand::Statement(statement[..statement.len() / 2].to_owned().into()), "statement"),
        (RevokeCommand::Statement(statement[..20].to_owned().into()), "statement"),
        (RevokeCommand::Statement(foreign.into()), "statement"),
        (RevokeCommand::Statement(String::new().into()), "statement"),
        (RevokeCommand::IssuedBefore(Some(START + 1)), "issued-before"),
    ] {
        let command = OperatorCommand::Revoke(command);
        let refused = passbridge::admin::ask(&server.data(), &command).await.expect_err("refused");
        assert!(refused.to_string().starts_with(&format!("{field}: ")), "{command:?}: {refused}");
    }
    assert_token_good(&server, &token).await;
}
